"""What answers carry for browsers, whom they may be read by, and how they are compressed."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from pynomaly_inference.server.compression import accepts_gzip
from pynomaly_inference.server.exposure import Exposure
from pynomaly_inference.server.settings import ServerSettings

ROWS = {"rows": [[1, 2]]}
MANY = {"rows": [[row / 7, 2] for row in range(200)]}
APP = "https://app.example.com"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key, content-type"}


@pytest.fixture
def open_to_app(table: Any, running: Any, variant: Any) -> Iterator[httpx.Client]:
    with running(table(variant()), ServerSettings(allow_origins=(APP,))) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/score"),
        ("GET", "/v1/card"),
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/nothing"),
        ("PUT", "/v1/score"),
    ],
)
def test_every_answer_carries_the_security_headers_and_none_names_the_server(
    client: httpx.Client, method: str, path: str
) -> None:
    headers = client.request(method, path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers


def test_no_other_origin_may_read_answers_unless_it_is_configured(client: httpx.Client) -> None:
    for response in (
        client.post("/v1/score", json=ROWS, headers={"origin": APP}),
        client.options("/v1/score", headers={"origin": APP, **PREFLIGHT}),
    ):
        assert not any(name.startswith("access-control") for name in response.headers)


def test_a_configured_origin_is_answered_and_no_other(open_to_app: httpx.Client) -> None:
    asked = open_to_app.options("/v1/score", headers={"origin": APP, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == APP
    assert {"x-api-key", "authorization"} <= set(asked.headers["access-control-allow-headers"].lower().split(", "))

    answer = open_to_app.post("/v1/score", json=ROWS, headers={"origin": APP})
    assert answer.json()["scores"] == [2.0]
    assert answer.headers["access-control-allow-origin"] == APP
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]

    for other in ("https://evil.example", "null", f"{APP}.evil.example"):
        assert open_to_app.options("/v1/score", headers={"origin": other, **PREFLIGHT}).status_code == 400
        response = open_to_app.post("/v1/score", json=ROWS, headers={"origin": other})
        assert "access-control-allow-origin" not in response.headers


def test_a_page_of_a_configured_origin_may_open_a_websocket(open_to_app: httpx.Client) -> None:
    url = str(open_to_app.base_url.join("/v1/stream")).replace("http", "ws")
    with connect(url, origin=Origin(APP)) as socket:
        socket.send(json.dumps(ROWS))
        assert json.loads(socket.recv(5))["scores"] == [2.0]
    with pytest.raises(InvalidStatus, match="403"), connect(url, origin=Origin("https://evil.example")):
        pass


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("scores.example.com", True),
        ("SCORES.example.com:8000", True),
        ("a.plants.example", True),
        ("a.b.plants.example:80", True),
        ("10.0.0.7:8000", True),
        ("plants.example", False),
        ("evil-plants.example", False),
        ("scores.example.com.evil.example", False),
        ("scores.example.com@evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_hosts_are_told_by_their_whole_names(host: str, known: bool) -> None:
    exposure = Exposure(hosts=("scores.example.com", "*.plants.example", "10.0.0.7"))

    assert exposure.is_host({b"host": host.encode()}) is known


def test_a_request_for_another_host_is_misdirected(table: Any, running: Any, variant: Any) -> None:
    with running(table(variant()), ServerSettings(allow_hosts=("scores.example.com",))) as client:

        def status(host: str, path: str = "/v1/score") -> int:
            return int(client.post(path, json=ROWS, headers={"host": host}).status_code)

        assert status("scores.example.com") == 200
        assert [status("rebound.evil.example", path) for path in ("/v1/score", "/v1/card", "/health")] == [421] * 3
        refused = client.post("/v1/score", json=ROWS)
        assert refused.json()["detail"] == (
            "the server does not go by this name: address it by one that it is configured with"
        )
        assert refused.json()["title"] == "Misdirected Request"


def raw(
    client: httpx.Client, content: Any, accepted: str | None, path: str = "/v1/score"
) -> tuple[httpx.Headers, bytes]:
    """The answer's headers, and its body as it came."""
    request = client.build_request("POST", path, json=content)
    request.headers.pop("accept-encoding")
    if accepted is not None:
        request.headers["accept-encoding"] = accepted
    response = client.send(request, stream=True)
    body = b"".join(response.iter_raw())
    response.close()
    assert int(response.headers["content-length"]) == len(body)
    return response.headers, body


@pytest.mark.parametrize("rows", [200, 20_000], ids=["at once", "on a thread"])
def test_a_long_answer_is_compressed_for_who_asks_for_it(client: httpx.Client, rows: int) -> None:
    content = {"rows": [[row / 7, 2] for row in range(rows)]}
    headers, plain = raw(client, content, None)
    assert "content-encoding" not in headers

    headers, body = raw(client, content, "br, gzip")

    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "accept-encoding"
    assert len(body) < len(plain)
    assert gzip.decompress(body) == plain


def test_a_short_answer_and_a_refusal_are_not_compressed(client: httpx.Client) -> None:
    for content in (ROWS, {"rows": [[1]]}):
        headers, body = raw(client, content, "gzip")
        assert "content-encoding" not in headers
        assert json.loads(body)


def test_pages_are_compressed_and_streams_are_not(client: httpx.Client) -> None:
    assert client.get("/openapi.json", headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/openapi.json", headers={"accept-encoding": "identity"}).headers
    stream = client.post("/v1/stream", content=b"[1,2]\n" * 500, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in stream.headers


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True), ("GZIP", True), ("br;q=1, gzip;q=0.5", True), ("*", True), ("gzip;q=1", True),
        ("gzip; q=0.001", True), ("", False), ("identity", False), ("br", False), ("gzip;q=0", False),
        ("gzip;q=0.000, *", False), ("*;q=0", False), ("x-gzips", False),
    ],
)  # fmt: skip
def test_gzip_is_taken_where_it_is_accepted(accepted: str, takes: bool) -> None:
    assert accepts_gzip(accepted.encode()) is takes
