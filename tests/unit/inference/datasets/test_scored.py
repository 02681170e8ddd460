"""Files of rows to files of scores: score = a + 2 b (+ 1000 where z is `hot`), an anomaly above 10."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pynomaly_inference.datasets import blocks, parquet_reader
from pynomaly_inference.datasets.formats import Kind
from pynomaly_inference.datasets.scored import SCHEMA, StreamTarget, score_file
from pynomaly_inference.errors import DataRejected, OutputUnwritable, ResourceInvalid, SourceUnreachable
from pynomaly_inference.scoring.model import Model

ModelOf = Callable[..., Model]
FRAME = pl.DataFrame({"a": [1.0, 2.0, -3.5], "b": [0.5, 5.0, 0.0], "note": ["x", None, "z"]})
SCORES = [(2.0, 0, 0.0), (12.0, 1, 1.0), (-3.5, 0, 0.0)]
WRITE: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
    ".parquet": lambda frame, path: frame.write_parquet(path),
}
READ: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": pl.read_csv,
    ".ndjson": lambda path: pl.read_ndjson(path, schema_overrides={"score": pl.Float64, "probability": pl.Float64}),
    ".parquet": pl.read_parquet,
}


def source(folder: Path, suffix: str, frame: pl.DataFrame = FRAME) -> Path:
    path = folder / f"rows{suffix}"
    WRITE[suffix](frame, path)
    return path


def rejection(model: Model, path: Path) -> str:
    target = path.with_name("out.csv")
    with pytest.raises(DataRejected) as raised:
        score_file(model, path, target)
    assert {file.name for file in path.parent.iterdir()} == {path.name}
    return str(raised.value)


@pytest.mark.parametrize("target", READ)
@pytest.mark.parametrize("suffix", WRITE)
def test_every_format_scores_into_every_other(model_of: ModelOf, tmp_path: Path, suffix: str, target: str) -> None:
    out = tmp_path / f"out{target}"
    assert score_file(model_of("a", "b"), source(tmp_path, suffix), out) == 3
    scored = READ[target](out)
    assert scored.schema == SCHEMA
    assert scored.rows() == SCORES
    assert {file.name for file in tmp_path.iterdir()} == {out.name, f"rows{suffix}"}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("suffix", WRITE)
def test_compressed_files_are_scored(
    model_of: ModelOf, tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    plain = source(tmp_path, suffix)
    packed = plain.with_name(plain.name + (".gz" if pack is gzip.compress else ".zst"))
    packed.write_bytes(pack(plain.read_bytes()))
    score_file(model_of("a", "b"), packed, tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv").rows() == SCORES


@pytest.mark.parametrize("kind", [Kind.CSV, Kind.NDJSON])
def test_scores_go_to_a_stream(model_of: ModelOf, tmp_path: Path, kind: Kind) -> None:
    stream = io.BytesIO()
    assert score_file(model_of("a", "b"), source(tmp_path, ".csv"), StreamTarget(stream, kind)) == 3
    content = stream.getvalue()
    expected = (
        b"score,label,probability\n2.0,0,0.0\n12.0,1,1.0\n-3.5,0,0.0\n"
        if kind is Kind.CSV
        else b'{"score":2.0,"label":0,"probability":0.0}\n{"score":12.0,"label":1,"probability":1.0}\n'
        b'{"score":-3.5,"label":0,"probability":0.0}\n'
    )
    assert content == expected


@pytest.mark.parametrize("target", READ)
@pytest.mark.parametrize("suffix", WRITE)
def test_keep_puts_the_inputs_columns_first(model_of: ModelOf, tmp_path: Path, suffix: str, target: str) -> None:
    out = tmp_path / f"out{target}"
    score_file(model_of("b", "a"), source(tmp_path, suffix), out, keep=True)
    kept = READ[target](out)
    assert kept.columns == ["a", "b", "note", "score", "label", "probability"]
    assert kept["note"].to_list() == ["x", None, "z"]
    assert kept["a"].cast(pl.Float64).to_list() == [1.0, 2.0, -3.5]
    assert kept["score"].to_list() == [2.5, 9.0, -7.0]


def test_kept_csv_cells_stay_as_they_were_written(model_of: ModelOf, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('id,a\n007,1.50\n"x, y",+2\n')
    score_file(model_of("a"), tmp_path / "rows.csv", tmp_path / "out.csv", keep=True)
    assert (tmp_path / "out.csv").read_text() == (
        'id,a,score,label,probability\n007,1.50,1.5,0,0.0\n"x, y",+2,2.0,0,0.0\n'
    )


@pytest.mark.parametrize("target", READ)
def test_kept_json_keys_and_types_may_change_late(
    model_of: ModelOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 16)
    rows = [{"a": 1, "k": 1}, {"a": 1.5, "k": "x"}, {"a": 2, "late": True}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    score_file(model_of("a"), tmp_path / "rows.jsonl", tmp_path / f"out{target}", keep=True)
    kept = READ[target](tmp_path / f"out{target}")
    assert kept.columns == ["a", "k", "late", "score", "label", "probability"]
    assert kept["a"].to_list() == [1.0, 1.5, 2.0]
    assert kept["k"].to_list() == ["1", "x", None]
    assert kept["late"].to_list() == [None, None, True]


def test_a_kept_column_that_clashes_is_refused(model_of: ModelOf, tmp_path: Path) -> None:
    path = source(tmp_path, ".csv", pl.DataFrame({"a": [1.0], "label": [1]}))
    with pytest.raises(DataRejected) as raised:
        score_file(model_of("a"), path, tmp_path / "out.csv", keep=True)
    assert str(raised.value) == f"`{path}` has a column `label` already: rename it, or do not keep columns"
    assert score_file(model_of("a"), path, tmp_path / "out.csv") == 1


def test_nested_columns_are_kept_where_the_target_can_hold_them(model_of: ModelOf, tmp_path: Path) -> None:
    path = source(tmp_path, ".parquet", pl.DataFrame({"a": [1.0], "list": [[1, 2]]}))
    with pytest.raises(DataRejected) as raised:
        score_file(model_of("a"), path, tmp_path / "out.csv", keep=True)
    assert str(raised.value) == "column `list` holds lists, which CSV cannot: write .parquet or .ndjson"
    score_file(model_of("a"), path, tmp_path / "out.ndjson", keep=True)
    assert json.loads((tmp_path / "out.ndjson").read_text())["list"] == [1, 2]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("target", READ)
def test_a_file_without_rows_has_no_scores(model_of: ModelOf, tmp_path: Path, suffix: str, target: str) -> None:
    out = tmp_path / f"out{target}"
    assert score_file(model_of("a", "b"), source(tmp_path, suffix, FRAME.clear()), out) == 0
    if target != ".ndjson":
        assert READ[target](out).columns == ["score", "label", "probability"]
    assert out.exists()


@pytest.mark.parametrize("suffix", WRITE)
def test_categories_are_read_as_in_training(model_of: ModelOf, tmp_path: Path, suffix: str) -> None:
    path = source(tmp_path, suffix, pl.DataFrame({"z": ["hot", None, "never seen"], "a": [1, 2, 3]}))
    score_file(model_of("a", categories=("z",)), path, tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["score"].to_list() == [1001, 2, 3]


@pytest.mark.parametrize("suffix", WRITE)
def test_missing_values_are_scored_only_where_the_model_imputes_them(
    model_of: ModelOf, tmp_path: Path, suffix: str
) -> None:
    path = source(tmp_path, suffix, pl.DataFrame({"a": [1, 2, None], "b": [1, 1, 1]}))
    assert rejection(model_of("a", "b"), path) == (
        "column `a` has no value in row 3: "
        "the model needs every value, as it was trained without `preprocessing.impute`"
    )
    score_file(model_of("a", "b", missing_values=True), path, tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["score"].to_list() == [3, 4, 2]


@pytest.mark.parametrize("suffix", WRITE)
def test_a_missing_column_lists_what_is_there(model_of: ModelOf, tmp_path: Path, suffix: str) -> None:
    path = source(tmp_path, suffix)
    assert rejection(model_of("a", "notes"), path) == (
        f"`{path}` has no column `notes`: did you mean `note`? It has `a`, `b`, `note`"
    )


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("north", "column `a` holds text (`north` in row 2): the model takes numbers there"),
        ("2024-01-01", "column `a` holds dates (`2024-01-01` in row 2): the model takes numbers there"),
        ("inf", "column `a` is infinite in row 2: remove the row or the value"),
        ("true", "column `a` mixes numbers and booleans (`true` in row 2): write 0 and 1"),
        ("1e308", "the score of row 2 is inf: the model cannot tell what such values mean"),
    ],
)
def test_cells_that_cannot_be_scored_are_named(model_of: ModelOf, tmp_path: Path, cell: str, sentence: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"x,a\n1,1\n1,{cell}\n")
    assert rejection(model_of("x", "a"), path) == sentence


@pytest.mark.parametrize("suffix", WRITE)
@pytest.mark.parametrize("target", READ)
def test_rows_keep_their_order_over_many_batches(
    model_of: ModelOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, target: str
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 12)
    monkeypatch.setattr(parquet_reader, "_BATCH_CELLS", 100)
    monkeypatch.setattr(parquet_reader, "_SLICE_ROWS", 777)
    values = np.random.default_rng(0).normal(size=20_000)
    path = source(tmp_path, suffix, pl.DataFrame({"a": values}))
    assert score_file(model_of("a"), path, tmp_path / f"out{target}") == 20_000
    assert READ[target](tmp_path / f"out{target}")["score"].to_list() == values.tolist()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30), suffix=st.sampled_from([*WRITE]))
def test_scores_have_all_their_digits(model_of: ModelOf, tmp_path: Path, values: list[float], suffix: str) -> None:
    path = source(tmp_path, suffix, pl.DataFrame({"a": values}))
    for target, read in READ.items():
        score_file(model_of("a"), path, tmp_path / f"out{target}")
        assert read(tmp_path / f"out{target}")["score"].to_list() == values


def test_progress_counts_rows_and_bytes(model_of: ModelOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 12)
    path = source(tmp_path, ".csv", pl.DataFrame({"a": np.arange(200_000.0)}))
    told: list[tuple[int, float]] = []
    score_file(model_of("a"), path, tmp_path / "out.csv", progress=lambda rows, fraction: told.append((rows, fraction)))
    assert told == sorted(told)
    assert len(told) > 3
    assert 0 < told[0][1] < 1
    assert told[-1] == (200_000, 1.0)


@pytest.mark.parametrize("name", ["out.txt", "out", "out.csv.gz"])
def test_a_target_of_another_kind_is_refused(model_of: ModelOf, tmp_path: Path, name: str) -> None:
    with pytest.raises(ResourceInvalid) as raised:
        score_file(model_of("a", "b"), source(tmp_path, ".csv"), tmp_path / name)
    assert str(raised.value) == f"scores are written to .csv, .parquet or .ndjson, not to `{name}`"


def test_a_target_that_cannot_be_is_refused(model_of: ModelOf, tmp_path: Path) -> None:
    path = source(tmp_path, ".csv")
    with pytest.raises(OutputUnwritable, match="No such file or directory"):
        score_file(model_of("a", "b"), path, tmp_path / "gone/out.csv")
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputUnwritable, match="is no regular file"):
        score_file(model_of("a", "b"), path, tmp_path / "out.csv")


def test_a_missing_source_is_unreachable(model_of: ModelOf, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="No such file"):
        score_file(model_of("a"), tmp_path / "gone.csv", tmp_path / "out.csv")


@pytest.mark.parametrize("target", READ)
def test_an_earlier_target_stays_when_scoring_fails(model_of: ModelOf, tmp_path: Path, target: str) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\nx\n")
    out = tmp_path / f"out{target}"
    out.write_text("earlier")
    with pytest.raises(DataRejected, match="holds text"):
        score_file(model_of("a"), tmp_path / "rows.csv", out)
    assert out.read_text() == "earlier"
    assert len(list(tmp_path.iterdir())) == 2
