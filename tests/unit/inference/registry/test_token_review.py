import asyncio
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry.auth import Review, ReviewerUnavailable
from pynomaly_inference.registry.token_review import ApiServer, in_cluster, reviewing

ACCEPTED = {
    "kind": "TokenReview",
    "apiVersion": "authentication.k8s.io/v1",
    "metadata": {"managedFields": []},
    "spec": {"token": "theirs", "audiences": ["pynomaly-registry"]},
    "status": {
        "authenticated": True,
        "user": {
            "username": "system:serviceaccount:a:b",
            "uid": "1",
            "groups": ["system:serviceaccounts"],
            "extra": {"authentication.kubernetes.io/pod-name": ["x"]},
        },
        "audiences": ["pynomaly-registry"],
    },
}


class Api(BaseHTTPRequestHandler):
    """Answers every request with `answer`, and keeps what it was asked."""

    answer: tuple[int, bytes]
    asked: ClassVar[list[tuple[str, str | None, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Authorization"], body))
        status, content = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    made = folder / f"{name}.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(made), "-out", str(folder / f"{name}.crt")),
        ],
        check=True,
        capture_output=True,
    )
    made.write_text(made.read_text() + (folder / f"{name}.crt").read_text())
    return made


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[ApiServer, type[Api]]]:
    class OneTest(Api):
        answer = (201, json.dumps(ACCEPTED).encode())
        asked: ClassVar[list[tuple[str, str | None, Any]]] = []

    pem = certificate(tmp_path, "api")
    (tmp_path / "token").write_text("ours\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with ThreadingHTTPServer(("127.0.0.1", 0), OneTest) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"https://127.0.0.1:{server.server_address[1]}"
        yield ApiServer(url, ca=tmp_path / "api.crt", token=tmp_path / "token"), OneTest
        server.shutdown()
        thread.join()


def review(server: ApiServer, times: int = 1) -> Review:
    async def run() -> Review:
        async with reviewing(server) as reviewer:
            for _ in range(times - 1):
                await reviewer.review("theirs", "pynomaly-registry")
            return await reviewer.review("theirs", "pynomaly-registry")

    return asyncio.run(run())


def test_it_asks_for_the_audience_and_tells_what_kubernetes_says(api: tuple[ApiServer, type[Api]]) -> None:
    server, handler = api
    assert review(server) == Review(True, "system:serviceaccount:a:b", ("pynomaly-registry",))
    path, authorization, body = handler.asked[0]
    assert path == "/apis/authentication.k8s.io/v1/tokenreviews"
    assert authorization == "Bearer ours"
    assert body == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": "theirs", "audiences": ["pynomaly-registry"]},
    }


def test_its_own_token_is_read_anew_for_each_review(api: tuple[ApiServer, type[Api]]) -> None:
    server, handler = api
    review(server)
    server.token.write_text("renewed")
    review(server)
    assert [authorization for _, authorization, _ in handler.asked] == ["Bearer ours", "Bearer renewed"]


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"authenticated": False, "error": "invalid bearer token"},
        {"user": {"username": "system:serviceaccount:a:b"}, "audiences": ["pynomaly-registry"]},
    ],
)
def test_what_kubernetes_does_not_say_is_not_assumed(api: tuple[ApiServer, type[Api]], status: dict[str, Any]) -> None:
    server, handler = api
    handler.answer = (201, json.dumps({**ACCEPTED, "status": status}).encode())
    assert review(server).authenticated is False


def test_a_cluster_that_knows_no_audiences_grants_none(api: tuple[ApiServer, type[Api]]) -> None:
    server, handler = api
    status = {"authenticated": True, "user": {"username": "system:serviceaccount:a:b"}}
    handler.answer = (201, json.dumps({**ACCEPTED, "status": status}).encode())
    assert review(server) == Review(True, "system:serviceaccount:a:b", ())


@pytest.mark.parametrize(
    "answer",
    [
        (401, b"{}"),
        (403, json.dumps(ACCEPTED).encode()),
        (500, b"oops"),
        (307, json.dumps(ACCEPTED).encode()),
        (201, b"no json"),
        (201, b"[]"),
        (201, b"{}"),
        (201, b'{"status": null}'),
    ],
)
def test_any_other_answer_is_an_outage(api: tuple[ApiServer, type[Api]], answer: tuple[int, bytes]) -> None:
    server, handler = api
    handler.answer = answer
    with pytest.raises(ReviewerUnavailable):
        review(server)


def test_an_api_server_of_another_authority_is_not_told_the_token(
    api: tuple[ApiServer, type[Api]], tmp_path: Path
) -> None:
    server, handler = api
    certificate(tmp_path, "stranger")
    with pytest.raises(ReviewerUnavailable, match=r"(?i)certificate"):
        review(ApiServer(server.url, tmp_path / "stranger.crt", server.token))
    assert handler.asked == []


def test_nobody_at_the_address_is_an_outage(api: tuple[ApiServer, type[Api]]) -> None:
    server, _ = api
    with pytest.raises(ReviewerUnavailable, match="cannot be asked"):
        review(ApiServer("https://127.0.0.1:1", server.ca, server.token))


def test_a_token_file_that_is_gone_is_an_outage(api: tuple[ApiServer, type[Api]]) -> None:
    server, _ = api
    server.token.unlink()
    with pytest.raises(ReviewerUnavailable, match="cannot be asked"):
        review(server)


def test_in_a_pod_the_api_server_is_where_kubernetes_says(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster(environment, tmp_path) == ApiServer(
        "https://10.96.0.1:443", tmp_path / "ca.crt", tmp_path / "token"
    )
    assert in_cluster({**environment, "KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path).url == "https://[fd00::1]:443"


def test_outside_of_a_pod_it_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(PynomalyError, match="run it in a cluster"):
        in_cluster({}, tmp_path)
