"""The connection itself: fragments, pipelining, chunks, and what clients may do at its edges."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynomaly_inference.server.settings import ServerSettings

ROW = b'{"rows":[[1,2]]}'


def request(body: bytes = ROW, extra: bytes = b"", version: bytes = b"1.1", path: bytes = b"/v1/score") -> bytes:
    head = b"POST %b HTTP/%b\r\nHost: x\r\nContent-Type: application/json\r\n%b" % (path, version, extra)
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.fixture(scope="module")
def connect(client: httpx.Client) -> Callable[[], Any]:
    return lambda: connected(client)


@contextmanager
def connected(client: httpx.Client) -> Iterator["Connection"]:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as connection:
        yield Connection(connection)


class Connection:
    """Sends bytes and reads whole answers."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.partition(b": ")
            headers[name] = value.strip()
        return status, headers, self._file.read(int(headers[b"content-length"]))

    def scores(self) -> list[float]:
        status, _, body = self.answer()
        assert status == 200, body
        scores: list[float] = orjson.loads(body)["scores"]
        return scores

    def closed(self) -> bool:
        return self._file.read(1) == b""


def test_requests_follow_each_other_on_one_connection(connect: Any) -> None:
    with connect() as connection:
        for _ in range(3):
            connection.send(request())
            assert connection.scores() == [2.0]


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, len(request()) - 1), max_size=4))
def test_a_request_may_arrive_in_any_pieces(connect: Any, cuts: list[int]) -> None:
    data, position = request(), 0
    with connect() as connection:
        for cut in [*sorted(cuts), len(data)]:
            connection.send(data[position:cut])
            position = max(position, cut)
        assert connection.scores() == [2.0]


def test_pipelined_requests_are_answered_in_order_also_behind_one_that_takes_a_thread(connect: Any) -> None:
    large = orjson.dumps({"rows": np.zeros((60_000, 2))}, option=orjson.OPT_SERIALIZE_NUMPY)
    with connect() as connection:
        connection.send(
            request() + request(large) + request(b'{"rows":[[3,4]]}') + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        connection.send(request(b'{"rows":[[4,1]]}'))

        assert connection.scores() == [2.0]
        assert connection.scores() == [1.0] * 60_000
        assert connection.scores() == [12.0]
        assert connection.answer()[2] == b'{"live":true}'
        assert connection.scores() == [9.5]


def test_a_chunked_body_is_read_whole(connect: Any) -> None:
    with connect() as connection:
        connection.send(
            b"POST /v1/score HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"8\r\n" + ROW[:8] + b"\r\n%x\r\n" % len(ROW[8:]) + ROW[8:] + b"\r\n0\r\n\r\n"
        )
        assert connection.scores() == [2.0]


def test_a_client_that_waits_to_continue_is_told_to(connect: Any) -> None:
    with connect() as connection:
        data = request(extra=b"Expect: 100-continue\r\n")
        connection.send(data[: -len(ROW)])
        assert connection._file.readline() == b"HTTP/1.1 100 Continue\r\n"  # noqa: SLF001 - the helper reads answers with a body
        assert connection._file.readline() == b"\r\n"  # noqa: SLF001 - the same
        connection.send(ROW)
        assert connection.scores() == [2.0]


def test_a_client_that_asks_for_it_is_answered_and_closed(connect: Any) -> None:
    with connect() as connection:
        connection.send(request(extra=b"Connection: close\r\n"))
        status, headers, _ = connection.answer()
        assert (status, headers[b"connection"]) == (200, b"close")
        assert connection.closed()


def test_http_1_0_is_answered(connect: Any) -> None:
    with connect() as connection:
        connection.send(request(version=b"1.0"))
        assert connection.scores() == [2.0]
        assert connection.closed()


def test_an_empty_body_is_refused_with_a_sentence(connect: Any) -> None:
    with connect() as connection:
        connection.send(request(b""))
        status, _, body = connection.answer()
        assert status == 400
        assert orjson.loads(body)["detail"] == "the body is empty"


def test_what_is_no_http_is_refused(connect: Any) -> None:
    with connect() as connection:
        connection.send(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert connection.answer()[0] == 400


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(connect: Any, client: httpx.Client) -> None:
    for data in (request()[:20], request()[:-3], request(extra=b"Expect: 100-continue\r\n")[:-3]):
        with connect() as connection:
            connection.send(data)
    assert client.post("/v1/score", content=ROW, headers={"content-type": "application/json"}).status_code == 200


def test_a_percent_encoded_path_leads_to_the_same_model(client: httpx.Client) -> None:
    response = client.post("/v2/models/pl%61nt/infer", json={"inputs": []})

    assert response.status_code == 422
    assert response.json() == {"error": "the model takes the inputs `X` alone, not none"}


def test_a_connection_stays_open_while_it_is_used_and_is_closed_when_it_is_quiet(
    table: Any, running: Any, variant: Any
) -> None:
    with running(table(variant()), ServerSettings(), keep_alive=1) as client, connected(client) as connection:
        for _ in range(8):
            connection.send(request())
            assert connection.scores() == [2.0]
            time.sleep(0.3)  # longer in all than a quiet connection may stay
        start = time.monotonic()
        assert connection.closed()
        assert time.monotonic() - start < 2.5
