from pathlib import Path

import pytest

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.registry.database_url import VARIABLE, database_url

SECRET = "postgresql://registry:secret@db/models"  # noqa: S105 - the tests look for it where it must not be


def test_sqlite_may_be_an_option() -> None:
    assert database_url("sqlite:///models.db", None, {}) == "sqlite:///models.db"


def test_a_file_or_the_environment_may_hold_any_url(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{SECRET}\n")
    assert database_url(None, tmp_path / "url", {}) == SECRET
    assert database_url(None, None, {VARIABLE: f"{SECRET}\n"}) == SECRET


def test_a_password_on_the_command_line_is_refused_and_not_repeated() -> None:
    with pytest.raises(ResourceInvalid, match=f"--database-file or {VARIABLE}") as raised:
        database_url(SECRET, None, {})
    assert "secret" not in str(raised.value)


def test_one_place_must_tell_it_and_only_one(tmp_path: Path) -> None:
    with pytest.raises(ResourceInvalid, match="found none"):
        database_url(None, None, {VARIABLE: ""})
    with pytest.raises(ResourceInvalid, match=f"found --database-file and {VARIABLE}") as raised:
        database_url(None, tmp_path / "url", {VARIABLE: SECRET})
    assert "secret" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceInvalid, match=r"missing.*No such file"):
        database_url(None, tmp_path / "missing", {})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ResourceInvalid, match=r"binary.*no text"):
        database_url(None, tmp_path / "binary", {})
