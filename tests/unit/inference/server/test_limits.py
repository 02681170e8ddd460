"""Limits of rows and of the body, however the body arrives."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pynomaly_inference.server.settings import ServerSettings

JSON = {"content-type": "application/json"}
KIBIBYTE = 1024


@pytest.fixture(scope="module")
def limited(table: Any, running: Any, variant: Any) -> Any:
    """At most 3 rows and 1 KiB."""
    with running(table(variant()), ServerSettings(rows=3, body_mib=1 / KIBIBYTE)) as client:
        yield client


def test_up_to_the_limit_of_rows_is_scored_and_beyond_it_is_refused(limited: httpx.Client) -> None:
    assert limited.post("/v1/score", json={"rows": [[1, 2]] * 3}).json()["labels"] == [0, 0, 0]

    refused = limited.post("/v1/score", json={"rows": [[1, 2]] * 4})

    assert refused.status_code == 413
    assert refused.json()["detail"] == "the request has 4 rows; at most 3 are taken: split it"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/plant/infer", {"inputs": [{"name": "X", "shape": [4, 2], "datatype": "FP64", "data": [0] * 8}]}),
        ("/v1/models/plant:predict", {"instances": [[1, 2]] * 4}),
    ],
)
def test_the_limit_of_rows_holds_in_every_protocol(limited: httpx.Client, path: str, body: Any) -> None:
    refused = limited.post(path, json=body)

    assert refused.status_code == 413
    assert refused.json()["error"].startswith("the request has 4 rows")


def padded(size: int) -> bytes:
    return json.dumps({"rows": [[1, 2]]}).encode().ljust(size)


def chunks(body: bytes, size: int = 100) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_the_limit_of_the_body_holds_to_the_byte(limited: httpx.Client) -> None:
    for content in (padded(KIBIBYTE), chunks(padded(KIBIBYTE))):
        assert limited.post("/v1/score", content=content, headers=JSON).json()["scores"] == [2.0]
    for content in (padded(KIBIBYTE + 1), chunks(padded(KIBIBYTE + 1))):
        refused = limited.post("/v1/score", content=content, headers=JSON)
        assert refused.status_code == 413
        assert refused.json()["detail"].startswith("the body is larger than 0.000976562 MiB")


def test_a_chunked_body_beyond_the_limit_is_refused_before_it_ends(limited: httpx.Client) -> None:
    head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"400\r\n" + b" " * KIBIBYTE + b"\r\n"
    with socket.create_connection((limited.base_url.host, limited.base_url.port or 0), timeout=10) as connection:
        connection.sendall(head + chunk * 2)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_without_limits_large_bodies_are_scored(client: httpx.Client) -> None:
    rows = [[1.0, 2.0]] * 200_000

    assert client.post("/v1/score", json={"rows": rows}).json()["scores"] == [2.0] * 200_000


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b'{"rows":[' + b"[1,2]," * 500_000 + b"[1,2]]}", "application/json"),
        (b'{"records":[' + b"{}," * 500_000 + b"{}]}", "application/json"),
        (b'{"rows":' + b"[" * 500_000, "application/json"),
        (b"[1,2]\n" * 500_000, "application/x-ndjson"),
        (b"[" * 500_000, "application/x-ndjson"),
        (b"\n" * 500_000, "application/x-ndjson"),
        (b"a,b\n" + b"1,2\n" * 500_000, "text/csv"),
    ],
)
def test_a_text_of_far_too_many_rows_is_refused_before_it_is_parsed(
    table: Any, running: Any, variant: Any, body: bytes, media: str
) -> None:
    with running(table(variant()), ServerSettings(rows=1000, body_mib=50)) as client:
        refused = client.post("/v1/score", content=body, headers={"content-type": media})

    assert refused.status_code == 413
    assert refused.json()["detail"].startswith("the request has more than 1000 rows, or ")


def test_brackets_within_texts_are_no_rows(table: Any, running: Any, variant: Any) -> None:
    zone = "[{" * 500 + '\\"[' * 10
    with running(table(variant(name="zones", category=True)), ServerSettings(rows=1000, body_mib=50)) as client:
        answer = client.post("/v1/score", json={"rows": [[1, 0, zone]] * 1000})
        lines = client.post(
            "/v1/score",
            content=b"\n".join([json.dumps([1, 0, zone]).encode()] * 1000),
            headers={"content-type": "application/x-ndjson"},
        )

    assert answer.json()["scores"] == lines.json()["scores"] == [0.0] * 1000
