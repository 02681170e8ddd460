"""Long streams against a real server process, and what its memory does meanwhile."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httptools
from websockets.sync.client import connect

PROGRAM = """
import sys
from pathlib import Path
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable
serve(ModelTable.load([Path(sys.argv[1])]), ServerSettings(port=0), on_ready=lambda at: print(at.url, flush=True))
"""
BLOCK_ROWS = 1000
BLOCK = b"".join(b"[%d.25,%d]\n" % (index % 7, index % 5) for index in range(BLOCK_ROWS))
MESSAGE = json.dumps({"rows": [json.loads(line) for line in BLOCK.splitlines()]})
HEAD = b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK)
END = b"0\r\n\r\n"
SECONDS = 600.0
UNDER_WAY = 32
"""Messages of a WebSocket that are sent and not yet answered."""


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, and its process."""

    host: str
    port: int
    pid: int

    def peak_bytes(self) -> int:
        """The most memory that was ever resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


@contextmanager
def serving(model: Path) -> Iterator[Server]:
    """A server of this model as a process of its own."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
            yield Server(host, int(port), process.pid)
        finally:
            process.kill()


class Answers:
    """Reads a response and holds it against the same block of answers again and again."""

    def __init__(self) -> None:
        self.blocks = 0
        self.whole = False
        self._block = b""
        self._left = b""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, content: bytes) -> None:
        """Bytes of the response."""
        self._parser.feed_data(content)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._left += body
        if not self._block:
            lines = self._left.splitlines(keepends=True)
            if len(lines) <= BLOCK_ROWS:
                return
            self._block = b"".join(lines[:BLOCK_ROWS])
        while len(self._left) >= len(self._block):
            assert self._left.startswith(self._block), f"block {self.blocks + 1} has other answers than the first"
            self._left = self._left[len(self._block) :]
            self.blocks += 1

    def on_message_complete(self) -> None:
        """The response has ended."""
        self.whole = True
        assert not self._left

    def first_scores(self) -> list[float]:
        """The scores of the first block."""
        return [json.loads(line)["score"] for line in self._block.splitlines()]


def stream_over_http(server: Server, blocks: int, on_block: Callable[[int], None]) -> Answers:
    """Writes so many blocks in a thread, and reads their answers here."""
    answers = Answers()
    with socket.create_connection((server.host, server.port), timeout=SECONDS) as connection:

        def write() -> None:
            connection.sendall(HEAD)
            for _ in range(blocks):
                connection.sendall(CHUNK)
            connection.sendall(END)

        writer = threading.Thread(target=write)
        writer.start()
        while not answers.whole:
            content = connection.recv(2**18)
            assert content, f"the stream ended after {answers.blocks} blocks"
            answers.feed(content)
            on_block(answers.blocks)
        writer.join(SECONDS)
    return answers


def stream_over_websocket(server: Server, messages: int, on_message: Callable[[int], None]) -> Any:
    """Sends so many messages in a thread, and receives their answers here; the first of them, which all equal.

    So many are under way that neither side waits for the other: this client cannot receive while its `send` is blocked.
    """
    free = threading.Semaphore(UNDER_WAY)
    with connect(f"ws://{server.host}:{server.port}/v1/stream", compression=None, max_size=None) as messaging:

        def write() -> None:
            for _ in range(messages):
                free.acquire()
                messaging.send(MESSAGE)

        writer = threading.Thread(target=write)
        writer.start()
        first = messaging.recv(timeout=SECONDS)
        free.release()
        for index in range(1, messages):
            assert messaging.recv(timeout=SECONDS) == first, f"message {index + 1} has another answer than the first"
            free.release()
            on_message(index)
        writer.join(SECONDS)
    return json.loads(first)


def growth(server: Server, stream: Callable[[Server, int, Callable[[int], None]], Any], blocks: int) -> tuple[int, Any]:
    """By how many bytes the server's peak grew after the first tenth of a stream; and what the stream gave."""
    early: list[int] = []

    def look(done: int) -> None:
        if not early and done >= blocks // 10:
            early.append(server.peak_bytes())

    found = stream(server, blocks, look)
    return server.peak_bytes() - early[0], found
