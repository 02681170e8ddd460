import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from tests.unit.inference.registry.harness import INFO, NAMESPACE, UID, Running, fingerprint, running, settings_for

from pynomaly_inference.errors import PynomalyError, RegistryUnavailable, ResourceInvalid
from pynomaly_inference.registry.contract import MAX_MODEL_BYTES, TrainingKey
from pynomaly_inference.training.publish import Backoff, Registry

KEY = TrainingKey(namespace=NAMESPACE, uid=UID, fingerprint=fingerprint("a"))
TRAINER = f"{NAMESPACE}:ad-{UID}-train"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("token\n")
    return path


@pytest.fixture
def real(tmp_path: Path, token: Path) -> Iterator[Running]:
    """A real registry, which accepts the token in the file."""
    with running(settings_for(tmp_path / "registry.db")) as found:
        token.write_text(found.reviewer.issue(TRAINER))
        yield found


class Naps:
    """Stands in for time.sleep; what happens at the n-th nap is the test's."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.then: dict[int, object] = {}

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        happen = self.then.get(len(self.taken))
        if callable(happen):
            happen()


class Scripted(BaseHTTPRequestHandler):
    """Answers requests with these, the last one for ever."""

    protocol_version = "HTTP/1.1"
    script: list[tuple[int, bytes]]
    tokens: list[str]

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.tokens.append(self.headers["Authorization"])
        status, body = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Forgetful(BaseHTTPRequestHandler):
    """Passes uploads on, and breaks off before the first answer."""

    upstream: ClassVar[str]
    answers: ClassVar[list[int]]

    def __init_subclass__(cls) -> None:
        cls.answers = []

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        answer = httpx.put(self.upstream + self.path, content=content, headers=dict(self.headers))
        self.answers.append(answer.status_code)
        if len(self.answers) == 1:
            return
        self.send_response(answer.status_code)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def scripted(*script: tuple[int, bytes]) -> Iterator[tuple[str, list[str]]]:
    """A server that misbehaves as told: its URL, and the tokens that it was sent."""
    tokens: list[str] = []
    handler = type("Handler", (Scripted,), {"script": list(script), "tokens": tokens})
    with serving(handler) as url:
        yield url, tokens


def test_a_fingerprint_that_was_never_trained_has_no_record(real: Running, token: Path) -> None:
    assert Registry(real.url, token).recorded(KEY) is None


def test_what_is_published_is_recorded(real: Running, token: Path) -> None:
    registry = Registry(real.url, token)
    published = registry.publish(KEY, b"model", INFO)
    assert published.version == 1
    assert published.digest == hashlib.sha256(b"model").hexdigest()
    assert published.model == INFO
    assert registry.recorded(KEY) == published


def test_publishing_again_gives_the_first_answer(real: Running, token: Path) -> None:
    registry = Registry(real.url, token)
    assert registry.publish(KEY, b"model", INFO) == registry.publish(KEY, b"another", INFO)


def test_a_publication_whose_answer_was_lost_is_recorded_once(real: Running, token: Path) -> None:
    class Lossy(Forgetful):
        upstream = real.url

    naps = Naps()
    with serving(Lossy) as url:
        published = Registry(url, token, sleep=naps).publish(KEY, b"model", INFO)
    assert published.version == 1
    assert Lossy.answers == [201, 200]
    assert len(naps.taken) == 1


def test_the_token_is_read_anew_for_each_try(real: Running, token: Path) -> None:
    good = token.read_text()
    token.write_text("expired")
    naps = Naps()
    naps.then[2] = lambda: token.write_text(good)
    assert Registry(real.url, token, sleep=naps).publish(KEY, b"model", INFO).version == 1
    assert len(naps.taken) == 2


def test_it_waits_for_a_registry_that_cannot_ask_kubernetes_yet(real: Running, token: Path) -> None:
    real.reviewer.outage = True
    naps = Naps()
    naps.then[3] = lambda: setattr(real.reviewer, "outage", False)
    assert Registry(real.url, token, sleep=naps).recorded(KEY) is None
    assert len(naps.taken) == 3


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again_and_then_unavailable(token: Path, status: int) -> None:
    naps = Naps()
    said = rf"{status} .*: not today \(tried 4 times\)"
    answer = (status, b'{"detail": "not today"}')
    with scripted(answer) as (url, tokens), pytest.raises(RegistryUnavailable, match=said) as raised:
        Registry(url, token, backoff=Backoff(tries=4), sleep=naps).publish(KEY, b"model", INFO)
    assert raised.value.exit_code == 17
    assert raised.value.reason == "RegistryUnavailable"
    assert len(tokens) == 4
    assert len(naps.taken) == 3


def test_the_waits_double_up_to_a_bound(token: Path) -> None:
    naps = Naps()
    backoff = Backoff(tries=7, first=1.0, longest=8.0)
    with scripted((503, b"")) as (url, _), pytest.raises(RegistryUnavailable):
        Registry(url, token, backoff=backoff, sleep=naps).recorded(KEY)
    for nap, most in zip(naps.taken, (1, 2, 4, 8, 8, 8), strict=True):
        assert most / 2 <= nap <= most


@pytest.mark.parametrize("status", [400, 404, 409, 415, 422])
def test_what_no_other_try_can_mend_is_said_at_once(token: Path, status: int) -> None:
    naps = Naps()
    said = rf"refuses.*{status}.*no such thing"
    answer = (status, b'{"detail": "no such thing"}')
    with scripted(answer) as (url, tokens), pytest.raises(PynomalyError, match=said) as raised:
        Registry(url, token, sleep=naps).publish(KEY, b"model", INFO)
    assert not isinstance(raised.value, RegistryUnavailable)
    assert len(tokens) == 1


def test_a_registry_that_is_not_there_is_unavailable(token: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    naps = Naps()
    with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1.*does not answer.*tried 3 times"):
        Registry(f"http://127.0.0.1:{port}", token, backoff=Backoff(tries=3), sleep=naps).recorded(KEY)


def test_a_registry_that_hangs_is_unavailable(token: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        registry = Registry(
            f"http://127.0.0.1:{deaf.getsockname()[1]}",
            token,
            backoff=Backoff(tries=2),
            sleep=Naps(),
            timeout=httpx.Timeout(0.2),
        )
        with pytest.raises(RegistryUnavailable, match="timed out"):
            registry.recorded(KEY)


def test_a_token_that_is_missing_is_waited_for_and_then_named(tmp_path: Path) -> None:
    naps = Naps()
    with pytest.raises(RegistryUnavailable, match=r"absent.*No such file"):
        Registry("http://127.0.0.1:1", tmp_path / "absent", backoff=Backoff(tries=2), sleep=naps).recorded(KEY)
    assert len(naps.taken) == 1


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"version": 0}'])
def test_an_answer_that_is_no_record_is_no_registry(token: Path, body: bytes) -> None:
    with scripted((200, body)) as (url, _), pytest.raises(PynomalyError, match="no registry of this version"):
        Registry(url, token).recorded(KEY)


def test_a_model_that_is_too_large_is_not_sent_and_says_what_to_change(token: Path) -> None:
    with scripted((201, b"")) as (url, tokens), pytest.raises(ResourceInvalid, match=r"256\.0 MiB.*parameters"):
        Registry(url, token).publish(KEY, bytes(MAX_MODEL_BYTES + 1), INFO)
    assert tokens == []


def test_a_registry_with_a_lower_limit_is_understood(token: Path) -> None:
    with scripted((413, b"")) as (url, _), pytest.raises(ResourceInvalid, match="more than the registry keeps"):
        Registry(url, token).publish(KEY, b"model", INFO)


def test_a_proxy_of_the_environment_never_sees_the_token(
    real: Running, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted((200, b"")) as (proxy, tokens):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("ALL_PROXY", proxy)
        assert Registry(real.url, token).recorded(KEY) is None
    assert tokens == []


def test_no_error_shows_the_token(token: Path) -> None:
    token.write_text("very-secret")
    with scripted((403, b"{}")) as (url, _), pytest.raises(RegistryUnavailable) as raised:
        Registry(url, token, backoff=Backoff(tries=1)).recorded(KEY)
    assert "very-secret" not in str(raised.value)
