from pathlib import Path

import pytest

from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import ResourceInvalid, SourceUnreachable


def names(uri: str, places: Places) -> list[str]:
    with located(uri, places) as files:
        return [file.name for file in files]


def paths(uri: str, places: Places) -> list[Path]:
    with located(uri, places) as files:
        return [file.path.resolve() for file in files]


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path.resolve()


@pytest.mark.parametrize("uri", ["data/a.csv", "./data/a.csv", "file://data/a.csv", "file://./data/a.csv"])
def test_relative_paths_start_at_the_resource_files_folder(tmp_path: Path, uri: str) -> None:
    file = touch(tmp_path / "data/a.csv")
    assert paths(uri, Places(tmp_path)) == [file]


def test_absolute_paths_and_file_uris_stay_as_they_are(tmp_path: Path) -> None:
    file = touch(tmp_path / "a b.csv")
    elsewhere = Places(tmp_path / "elsewhere")
    assert paths(str(file), elsewhere) == [file]
    assert paths(f"file://{file}", elsewhere) == [file]
    assert paths(f"file://localhost{file}", elsewhere) == [file]
    assert paths(f"file://{str(file).replace(' ', '%20')}", elsewhere) == [file]


def test_a_glob_names_its_files_in_sorted_order_and_no_folders(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".hidden.csv", "c.txt"):
        touch(tmp_path / name)
    (tmp_path / "d.csv").mkdir()
    assert names("*.csv", Places(tmp_path)) == ["a.csv", "b.csv"]


def test_two_stars_reach_into_folders(tmp_path: Path) -> None:
    for name in ("x/b.csv", "x/y/a.csv", "c.csv"):
        touch(tmp_path / name)
    assert names("**/*.csv", Places(tmp_path)) == ["c.csv", "x/b.csv", "x/y/a.csv"]


def test_a_file_whose_name_looks_like_a_glob_is_found_by_its_name(tmp_path: Path) -> None:
    touch(tmp_path / "a[1].csv")
    touch(tmp_path / "a1.csv")
    assert names("a[1].csv", Places(tmp_path)) == ["a[1].csv"]


def test_a_glob_without_a_match_says_what_was_looked_for_and_where(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable) as raised:
        located("*.parquet", Places(tmp_path))
    assert str(raised.value) == f"no file matches `*.parquet` in `{tmp_path}`"


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable) as raised:
        located("x/a.csv", Places(tmp_path))
    assert str(raised.value) == f"there is no file `x/a.csv` in `{tmp_path}`: there is no folder `{tmp_path / 'x'}`"


def test_a_path_that_the_system_refuses_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="File name too long"):
        located("x" * 5000 + ".csv", Places(tmp_path))


def test_a_folder_asks_for_its_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(ResourceInvalid) as raised:
        located("data/", Places(tmp_path))
    assert str(raised.value) == "`data/` is a folder: name its files, such as `data/*.parquet`"


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    touch(tmp_path / "a.docx")
    with pytest.raises(ResourceInvalid) as raised:
        located("a.docx", Places(tmp_path))
    assert str(raised.value) == (
        "the suffix of `a.docx` says no known format: "
        "use .csv, .parquet, .ndjson, .jsonl, .json, .xlsx, each also with .gz or .zst"
    )


def test_an_unknown_scheme_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ResourceInvalid) as raised:
        located("ftp://host/a.csv", Places(tmp_path))
    assert str(raised.value) == (
        "`ftp://` is no known scheme of `training.source.uri`: "
        "use file://, pvc://, configmap://, http://, https://, s3://, gs://, azure://, abfs://, postgresql:// or a path"
    )


def test_data_replaces_the_source_altogether(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        touch(tmp_path / name)
    places = Places(Path("/nowhere"), data=tmp_path / "*.csv")
    assert names("pvc://telemetry/x.parquet", places) == [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]


def test_a_relative_data_path_starts_at_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = touch(tmp_path / "a.csv")
    monkeypatch.chdir(tmp_path)
    assert paths("x.csv", Places(Path("/nowhere"), data=Path("a.csv"))) == [file]


def test_a_source_file_knows_its_name_and_path(tmp_path: Path) -> None:
    file = touch(tmp_path / "a.csv.gz")
    with located("a.csv.gz", Places(tmp_path)) as (found,):
        assert isinstance(found, SourceFile)
        assert (found.path.resolve(), found.name) == (file, "a.csv.gz")
