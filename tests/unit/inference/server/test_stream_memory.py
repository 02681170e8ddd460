"""Streams against a real server process: its memory stays flat, whatever the clients do."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.inference.server.stream_load import (
    BLOCK,
    BLOCK_ROWS,
    CHUNK,
    END,
    HEAD,
    MESSAGE,
    Answers,
    Server,
    growth,
    serving,
    stream_over_http,
    stream_over_websocket,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

MEBIBYTE = 2**20
MOST_GROWTH = 8 * MEBIBYTE
"""Less than half of what the answers to half a million rows take: they are not kept."""


@pytest.fixture
def server(write: Any, variant: Any) -> Iterator[Server]:
    with serving(write(variant())) as server:
        yield server


def test_half_a_million_rows_over_one_request_leave_the_memory_flat(server: Server, variant: Any) -> None:
    grown, answers = growth(server, stream_over_http, 500)

    assert answers.blocks == 500
    rows = [line.strip(b"[]").split(b",") for line in BLOCK.splitlines()]
    assert answers.first_scores() == pytest.approx([variant().score(float(a), float(b)) for a, b in rows], rel=1e-12)
    assert grown < MOST_GROWTH


def test_two_hundred_thousand_rows_over_a_websocket_leave_the_memory_flat(server: Server) -> None:
    grown, answer = growth(server, stream_over_websocket, 200)

    assert len(answer["scores"]) == BLOCK_ROWS
    assert grown < MOST_GROWTH


def test_a_client_that_does_not_read_is_not_read_either(server: Server) -> None:
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(HEAD + CHUNK * 20)
        answers = Answers()
        answers.feed(connection.recv(2**18))
        before = server.peak_bytes()
        connection.settimeout(1.0)
        whole, part = 20, b""
        while not part and whole < 20_000:
            part = unsent(connection, CHUNK)
            whole += 1
        assert whole < 20_000, "the server read 180 MB of rows from a client that read none of its answers"
        assert server.peak_bytes() - before < MOST_GROWTH

        connection.settimeout(30)
        finish = part + END
        while not answers.whole:
            answers.feed(connection.recv(2**18))
            if finish and answers.blocks > whole // 2:
                connection.sendall(finish)
                finish = b""
    assert answers.blocks == whole


def unsent(connection: socket.socket, content: bytes) -> bytes:
    """What is left of this content when the connection takes no more for its timeout."""
    view = memoryview(content)
    while view:
        try:
            view = view[connection.send(view) :]
        except TimeoutError:
            return bytes(view)
    return b""


def test_a_websocket_that_does_not_read_is_not_read_either(server: Server) -> None:
    address = f"ws://{server.host}:{server.port}/v1/stream"
    with contextlib.suppress(ConnectionClosed), connect(address, compression=None, max_queue=1) as messages:
        messages.send(MESSAGE)
        messages.recv(timeout=10)
        before = server.peak_bytes()
        sent = Sent()
        writer = threading.Thread(target=sent.write, args=(messages,))
        writer.start()
        blocked_at = sent.until_blocked()
        grown = server.peak_bytes() - before
        messages.socket.shutdown(socket.SHUT_RDWR)  # this client's `send` keeps its own `recv` out while it is blocked
        writer.join(30)

    assert not writer.is_alive()
    assert blocked_at < MOST_MESSAGES, "the server read all messages of a client that read no answer"
    assert grown < MOST_GROWTH


MOST_MESSAGES = 3000


class Sent:
    """Messages that one thread sends while another counts them."""

    def __init__(self) -> None:
        self._count = 0

    def write(self, messages: ClientConnection) -> None:
        """Sends `MOST_MESSAGES`, or until the connection is gone."""
        with contextlib.suppress(ConnectionClosed):
            for _ in range(MOST_MESSAGES):
                messages.send(MESSAGE)
                self._count += 1

    def until_blocked(self) -> int:
        """How many were sent when a second brought no more."""
        before = -1
        while self._count > before:
            before = self._count
            time.sleep(1)
        return before
