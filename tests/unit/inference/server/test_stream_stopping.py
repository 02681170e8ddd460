"""A server that stops while clients stream: each is told how far it came."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.inference.server.stream_load import BLOCK, BLOCK_ROWS, CHUNK, HEAD, MESSAGE, Server, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


@pytest.fixture
def server(write: Any, variant: Any) -> Iterator[Server]:
    with serving(write(variant())) as server:
        yield server


def ended(server: Server) -> bool:
    """Whether the process ends within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if "State:\tZ" in Path(f"/proc/{server.pid}/status").read_text():
            return True
        time.sleep(0.05)
    return False


def test_a_stream_that_waits_is_told_that_the_server_stops(server: Server) -> None:
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(HEAD + CHUNK)
        received = b""
        while received.count(b'"score"') < BLOCK_ROWS:
            received += connection.recv(2**18)
        os.kill(server.pid, signal.SIGTERM)
        while part := connection.recv(2**18):
            received += part

    assert received.endswith(b"0\r\n\r\n"), "the answer ends as HTTP has it"
    problem = json.loads(received[received.rindex(b'{"type"') :].splitlines()[0])
    assert problem["status"] == 503
    assert problem["row"] == len(BLOCK.splitlines()) + 1
    assert ended(server)


def test_a_websocket_is_closed_as_by_a_service_that_restarts(server: Server) -> None:
    with connect(f"ws://{server.host}:{server.port}/v1/stream") as messages:
        messages.send(MESSAGE)
        assert len(json.loads(messages.recv(timeout=10))["scores"]) == BLOCK_ROWS
        os.kill(server.pid, signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            messages.recv(timeout=10)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert ended(server)
