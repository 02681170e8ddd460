from pathlib import Path

import pytest

from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import ResourceInvalid, SourceUnreachable


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "a.csv").touch()
    (folder / "sub").mkdir()
    (folder / "sub/b.csv").touch()
    (tmp_path / "secret.csv").touch()
    return folder


@pytest.mark.parametrize("scheme", ["pvc", "configmap"])
def test_a_mount_stands_for_a_volume_of_the_cluster(volume: Path, scheme: str) -> None:
    places = Places(Path("/nowhere"), mounts={f"{scheme}://telemetry": volume})
    with located(f"{scheme}://telemetry/sub/b.csv", places) as files:
        assert [file.path for file in files] == [volume / "sub/b.csv"]
    with located(f"{scheme}://telemetry/**/*.csv", places) as files:
        assert [file.name for file in files] == ["a.csv", "sub/b.csv"]


def test_a_mount_written_with_a_slash_is_the_same_mount(volume: Path) -> None:
    with located("pvc://telemetry/a.csv", Places(volume, mounts={"pvc://telemetry/": volume})) as files:
        assert len(files) == 1


def test_a_volume_without_a_mount_shows_the_flag_to_add(volume: Path) -> None:
    with pytest.raises(ResourceInvalid) as raised:
        located("pvc://telemetry/a.csv", Places(volume, mounts={"pvc://tele": volume, "configmap://telemetry": volume}))
    assert str(raised.value) == (
        "`pvc://telemetry` is a volume of the cluster: add `--mount pvc://telemetry=FOLDER` to read it here"
    )


@pytest.mark.parametrize(
    "path", ["../secret.csv", "sub/../../secret.csv", "/etc/passwd.csv", "sub/../*.csv", "**/../*"]
)
def test_a_path_that_leaves_the_volume_is_refused(volume: Path, path: str) -> None:
    with pytest.raises(ResourceInvalid, match="leaves its volume"):
        located(f"pvc://telemetry/{path}", Places(volume, mounts={"pvc://telemetry": volume}))


@pytest.mark.parametrize("path", ["link.csv", "*.csv", "folder/secret.csv", "**/*.csv"])
def test_a_link_that_leaves_the_volume_is_refused(volume: Path, path: str) -> None:
    (volume / "link.csv").symlink_to(volume.parent / "secret.csv")
    (volume / "folder").symlink_to(volume.parent)
    with pytest.raises(ResourceInvalid, match="is a link that leaves the volume's folder"):
        located(f"pvc://telemetry/{path}", Places(volume, mounts={"pvc://telemetry": volume}))


def test_links_inside_a_volume_work_as_kubernetes_makes_them(volume: Path) -> None:
    (volume / "..2026").mkdir()
    (volume / "..2026/rows.csv").touch()
    (volume / "..data").symlink_to("..2026")
    (volume / "rows.csv").symlink_to("..data/rows.csv")
    with located("configmap://c/**/rows.csv", Places(volume, mounts={"configmap://c": volume})) as files:
        assert [file.name for file in files] == ["rows.csv"]


def test_a_mounted_folder_may_itself_be_a_link(volume: Path) -> None:
    (volume.parent / "alias").symlink_to(volume)
    places = Places(volume, mounts={"pvc://telemetry": volume.parent / "alias"})
    with located("pvc://telemetry/a.csv", places) as files:
        assert len(files) == 1


@pytest.mark.parametrize("uri", ["pvc://telemetry", "pvc://telemetry/", "pvc:///a.csv"])
def test_a_volume_without_a_path_or_name_is_refused(volume: Path, uri: str) -> None:
    with pytest.raises(ResourceInvalid, match=r"names no file: write `pvc://NAME/PATH`"):
        located(uri, Places(volume, mounts={"pvc://telemetry": volume, "pvc://": volume}))


def test_a_mount_from_nowhere_is_unreachable(volume: Path) -> None:
    with pytest.raises(SourceUnreachable, match="which is no folder"):
        located("pvc://telemetry/a.csv", Places(volume, mounts={"pvc://telemetry": volume / "gone"}))
