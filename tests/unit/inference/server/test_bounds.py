"""What one connection may take: slow clients, deaf ones, and floods of headers."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pynomaly_inference.server.access.caller import ANYONE
from pynomaly_inference.server.bounded import HEAD_BYTES, HEAD_LINES
from pynomaly_inference.server.http import Head, Message, Reply
from pynomaly_inference.server.metrics import Metrics
from pynomaly_inference.server.protocol import ScoringProtocol
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.routes import ScoringRoutes
from pynomaly_inference.server.scorer import Deferred, Scorer
from pynomaly_inference.server.settings import ServerSettings

HEAD = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"rows": [[1, 2]]}'
KIBIBYTE = 1024


class Hasty(ScoringProtocol):
    """Waits as long as a test may."""

    seconds = 0.5


@pytest.fixture(scope="module")
def hasty(table: Any, running: Any, variant: Any) -> Iterator[httpx.Client]:
    with running(table(variant()), ServerSettings(), protocol=Hasty) as client:
        yield client


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    address = (client.base_url.host, client.base_url.port or 0)
    with socket.create_connection(address, timeout=10) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes; a reset is no end, but what came before it did come."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def dribble(connection: socket.socket, content: bytes, size: int = 1) -> bytes:
    """Sends piece by piece, never quiet, until the server answers; gives the answer."""
    connection.settimeout(0.05)
    deadline = time.monotonic() + 10
    for start in range(0, len(content), size):
        assert time.monotonic() < deadline
        try:
            connection.sendall(content[start : start + size])
            if found := connection.recv(65536):
                connection.settimeout(10)
                return found + everything(connection)
        except TimeoutError:
            continue
    pytest.fail("the server took it all")


@pytest.mark.parametrize("start", [b"", HEAD[:40]], ids=["from the start", "after some lines"])
def test_a_head_that_dribbles_in_is_not_waited_for(hasty: httpx.Client, start: bytes) -> None:
    with connected(hasty) as connection:
        connection.sendall(start)
        answer = dribble(connection, HEAD * 4 if not start else b"X-More: " + b"y" * 1000)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the request took longer than 0.5 s to arrive: send it at once" in answer


def test_a_body_that_dribbles_in_is_not_waited_for_and_is_counted(hasty: httpx.Client) -> None:
    with connected(hasty) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        answer = dribble(connection, b" " * 1000)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert 'endpoint="/v1/score",method="POST",status_code="408"' in hasty.get("/metrics").text


def test_a_silent_body_is_not_waited_for(hasty: httpx.Client) -> None:
    with connected(hasty) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
        assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_kept_for_longer_than_a_request_may_take(hasty: httpx.Client) -> None:
    with connected(hasty) as connection:
        for _ in range(2):
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.2)  # what the test is about
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_client_that_does_not_read_its_answer_is_cut_off(hasty: httpx.Client) -> None:
    body = json.dumps({"rows": [[1, 2]] * 400_000}).encode()
    with connected(hasty) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

        _until(lambda: 'endpoint="/v1/score",method="POST",status_code="200"' in hasty.get("/metrics").text)
        _until(lambda: "pynomaly_active_connections 1.0" in hasty.get("/metrics").text)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_head_without_an_end_is_refused_while_it_grows(client: httpx.Client) -> None:
    with connected(client) as connection:
        sent = 0
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
        try:
            while sent < 20 * 2**20:
                connection.sendall(b"y" * 65536)
                sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            pass

    assert HEAD_BYTES <= sent < 20 * 2**20


def test_a_head_in_pieces_that_is_too_large_is_told_so(client: httpx.Client) -> None:
    with connected(client) as connection:
        answer = dribble(connection, b"GET / HTTP/1.1\r\n" + (b"X: " + b"y" * 8187 + b"\r\n") * 64, size=8192)

    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("path", [b"/v1/score", b"/v1/card"])
def test_more_than_a_hundred_lines_are_refused_with_a_sentence(client: httpx.Client, path: bytes) -> None:
    def answer(lines: int) -> bytes:
        head = b"POST %b HTTP/1.1\r\nHost: x\r\n" % path + b"X-A: b\r\n" * (lines - 3)
        with connected(client) as connection:
            connection.sendall(head + b"Connection: close\r\nContent-Length: 0\r\n\r\n")
            return everything(connection)

    assert not answer(HEAD_LINES).startswith(b"HTTP/1.1 431 ")
    refused = answer(HEAD_LINES + 1)
    assert refused.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"the head is larger than 64 KiB or has more than 100 lines: send less" in refused


@pytest.fixture
def limited(table: Any, running: Any, variant: Any) -> Iterator[httpx.Client]:
    with running(table(variant()), ServerSettings(body_mib=1 / KIBIBYTE)) as client:
        yield client


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("media", "most"), [("text/csv", 2), ("text/csv; charset=utf-8", 2), ("application/json", 1), ("text/csvx", 1)]
)
def test_a_table_may_be_twice_as_large_as_other_bodies(
    limited: httpx.Client, media: str, most: int, chunked: bool
) -> None:
    def status(size: int) -> int:
        body = b"a,b\n" + b"1,2\n" * (size // 4 - 1)
        content: Any = iter([body[:100], body[100:]]) if chunked else body
        return limited.post("/v1/score", content=content, headers={"content-type": media}).status_code

    assert (status(most * KIBIBYTE) == 413, status(most * KIBIBYTE + 4) == 413) == (False, True)


@pytest.fixture
def impatient(table: Any, variant: Any) -> ScoringRoutes:
    """Routes that wait for a twentieth of a second."""
    models = table(variant())
    return ScoringRoutes(models, Scorer(Metrics(models, CollectorRegistry(), lambda: 0), None), None, seconds=0.05)


def test_a_chunked_body_that_does_not_end_is_not_waited_for(impatient: ScoringRoutes) -> None:
    async def part_by_part() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    reply = asyncio.run(impatient.answer(impatient.score("/v1/score"), Head({}, b"", ANYONE), part_by_part))

    assert reply.status == 408
    assert (b"connection", b"close") in reply.headers


def test_an_answer_that_takes_too_long_is_given_up(impatient: ScoringRoutes) -> None:
    done = threading.Event()
    route, head = impatient.score("/v1/score"), Head({b"content-type": b"application/json"}, b"", ANYONE)
    large = impatient.answer_now(route, head, b'{"rows": [%b]}' % b",".join([b"[1,2]"] * 100_000))
    assert isinstance(large, Deferred)

    async def answer(call: Call) -> Reply:
        return await impatient.answer_later(route, Deferred(call, lambda: (done.wait(10), large.work())[1]))

    reply = asyncio.run(answer(large.call))
    done.set()

    assert reply.status == 504
    assert json.loads(reply.body)["detail"] == (
        "the rows were not scored within 0.05 s: send fewer of them in one request"
    )
