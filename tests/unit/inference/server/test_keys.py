"""Who may ask: keys from a file or a mounted Secret, reread while the server runs."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.server.auth import Keys
from pynomaly_inference.server.settings import ServerSettings, check_binding

ROWS = {"rows": [[1, 2]]}


def accepts(keys: Keys, key: str) -> bool:
    return keys.find({b"x-api-key": key.encode()}) is not None


@pytest.fixture
def keyed(tmp_path: Path, table: Any, running: Any, variant: Any) -> Iterator[tuple[httpx.Client, Path]]:
    """A server with the key `first`, and the file that holds it."""
    path = tmp_path / "keys"
    path.write_text("# the dashboards\nfirst\n\n")
    with running(table(variant()), ServerSettings(keys=path)) as client:
        yield client, path


OPEN = ["/", "/static/app.js", "/docs", "/docs/docs.js", "/docs/swagger-ui.css", "/openapi.json", "/health"]
OPEN += ["/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"]
CLOSED = ["/v1/card", "/v1/models", "/v1/models/plant", "/v2", "/v2/models/plant", "/v2/models/plant/ready", "/metrics"]
CLOSED += ["/nothing", "/healthy", "/docs2", "/static", "/V1/card"]


def test_health_and_pages_are_open_and_everything_else_needs_the_key(keyed: tuple[httpx.Client, Path]) -> None:
    client, _ = keyed
    for path in OPEN:
        assert client.get(path).status_code == 200, path
    for path in CLOSED:
        assert client.get(path).status_code == 401, path
        assert client.get(path, headers={"x-api-key": "first"}).status_code in {200, 404}, path


@pytest.mark.parametrize("path", ["/v1/score", "/v2/models/plant/infer", "/v1/models/plant:predict", "/v1/score/"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": "second"}, {"x-api-key": ""}, {"authorization": "Basic first"}, {"authorization": "first"}],
)
def test_scoring_without_a_valid_key_is_refused(
    keyed: tuple[httpx.Client, Path], path: str, headers: dict[str, str]
) -> None:
    response = keyed[0].post(path, json=ROWS, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="pynomaly"'
    sentence = "a valid key is needed, in X-API-Key or as Authorization: Bearer KEY"
    assert sentence in (response.json().get("detail"), response.json().get("error"))


@pytest.mark.parametrize(
    "headers", [{"x-api-key": "first"}, {"authorization": "Bearer first"}, {"authorization": "bearer  first"}]
)
def test_a_key_may_come_in_either_header(keyed: tuple[httpx.Client, Path], headers: dict[str, str]) -> None:
    assert keyed[0].post("/v1/score", json=ROWS, headers=headers).json()["scores"] == [2.0]


def test_a_changed_file_is_reread_while_the_server_runs(keyed: tuple[httpx.Client, Path]) -> None:
    client, path = keyed
    path.write_text("second\n")

    with _deadline():
        while client.post("/v1/score", json=ROWS, headers={"x-api-key": "second"}).status_code != 200:
            time.sleep(0.02)
    assert client.post("/v1/score", json=ROWS, headers={"x-api-key": "first"}).status_code == 401


@contextmanager
def _deadline() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 5


def test_a_mounted_secret_is_rotated_by_a_swapped_symlink(tmp_path: Path) -> None:
    for name, current, previous in (("one", "a", "z"), ("two", "b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "current").write_text(current)
        (tmp_path / name / "previous").write_text(previous)
    (tmp_path / "..data").symlink_to("one")
    mount = tmp_path / "mount"
    mount.mkdir()
    for name in ("current", "previous"):
        (mount / name).symlink_to(f"../..data/{name}")
    keys = Keys(mount)
    assert [accepts(keys, key) for key in "abz"] == [True, False, True]

    (tmp_path / "..new").symlink_to("two")
    os.replace(tmp_path / "..new", tmp_path / "..data")  # noqa: PTH105 - atomic, as the kubelet does it
    keys.reread()

    assert [accepts(keys, key) for key in "abz"] == [True, True, False]


@pytest.mark.parametrize("content", [None, "", "# nothing but a comment\n\n"])
def test_a_file_without_a_key_is_an_error_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)

    with pytest.raises(
        ResourceInvalid, match=r"holds no key: write one key a line|cannot read the keys in .*: No such"
    ):
        Keys(path)


def test_a_folder_without_a_key_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ResourceInvalid, match="holds no key"):
        Keys(tmp_path)


def test_keys_that_vanish_stay_valid_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys"
    path.write_text("first")
    keys = Keys(path)
    path.unlink()

    with caplog.at_level(logging.WARNING):
        keys.reread()
        keys.reread()

    assert accepts(keys, "first")
    assert keys.stale
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    path.write_text("second")
    keys.reread()
    assert accepts(keys, "second")
    assert not keys.stale


def test_without_keys_the_server_listens_on_loopback_only_unless_anonymous() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.1.2.3"):
        check_binding(ServerSettings(host=host))
    check_binding(ServerSettings(host="0.0.0.0", anonymous=True))  # noqa: S104 - what is being judged
    check_binding(ServerSettings(host="0.0.0.0", keys=Path("keys")))  # noqa: S104 - what is being judged
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):  # noqa: S104 - what is being judged
        with pytest.raises(ResourceInvalid, match="without keys the server listens on loopback only, not on"):
            check_binding(ServerSettings(host=host))
