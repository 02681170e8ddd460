from pathlib import Path

import pytest
from tests.cluster.caching import cached, key


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    for _ in range(2):
        cached(tmp_path / "tools", made.append)

    assert len(made) == 1


def test_a_build_that_fails_leaves_nothing_to_mistake_for_a_result(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        cached(tmp_path / "tools", fail)

    assert not (tmp_path / "tools").exists()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_moving_a_boundary_between_parts_changes_the_key() -> None:
    assert key("ab", "c") != key("a", "bc")
