"""The process that reads Parquet files and uncommon Arrow streams for the server, so that none of them can harm it."""

import contextlib
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

PARQUET, ARROW = "parquet", "arrow"
_PROGRAM = Path(__file__).with_name("table_program.py")
_NAMES = {PARQUET: "a Parquet file", ARROW: "an Arrow IPC stream"}
MEMORY_BYTES = 2**29
"""Address space of the process, so that a pod's usual limit of 1 GiB holds for server and process together."""
DECODED_BYTES = 2**27
"""The most that the wanted columns of a file may take decoded: twice that is in memory while they are written."""
SECONDS = 20.0
"""The longest that one body may take: far beyond any that fits."""


class TableProcess:
    """Rewrites bodies as plain Arrow streams, one at a time, in a process that is started when first needed.

    May be called from several threads. A body that ends the process is refused, and the next one gets a new process.
    """

    def __init__(self, *, memory: int = MEMORY_BYTES, decoded: int = DECODED_BYTES, seconds: float = SECONDS) -> None:
        self._memory = memory
        self._decoded = decoded
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: weakref.finalize[[subprocess.Popen[bytes]], TableProcess] | None = None
        """Ends the process; runs by itself when the server ends."""

    def rewrite(self, kind: str, body: bytes, schema: RowSchema, most_rows: int | None) -> tuple[bytes, int]:
        """A plain Arrow stream with the model's columns, and how many others there were; raises Rejected."""
        request = {
            "kind": kind,
            "columns": [column.name for column in schema.columns],
            "rows": most_rows,
            "bytes": self._decoded,
            "size": len(body),
        }
        with self._lock:
            reply = self._exchange(json.dumps(request).encode() + b"\n", body)
        if reply is None:
            raise Rejected(400, f"the body is not {_NAMES[kind]}, or takes more memory or time than one may: split it")
        head, content = reply
        if head["status"] == 400:  # noqa: PLR2004 - HTTP's own number
            raise Rejected(400, f"the body is not {_NAMES[kind]}: {head['detail']}")
        if not content:
            raise Rejected(head["status"], head["detail"], feature=head["feature"])
        return content, int(head["ignored"])

    def _exchange(self, line: bytes, body: bytes) -> tuple[dict[str, Any], bytes] | None:
        """The reply, None when the process ended instead."""
        process = self._started()
        with _ended_after(process, self._seconds):
            try:
                _pipe(process.stdin).write(line)
                _pipe(process.stdin).write(body)
                _pipe(process.stdin).flush()
                answer = _pipe(process.stdout).readline()
                head: dict[str, Any] | None = json.loads(answer) if answer.endswith(b"\n") else None
                content = b"" if head is None else _pipe(process.stdout).read(head["size"])
            except BrokenPipeError:
                head = None
        if head is None or len(content) != head["size"]:
            self._end()
            return None
        return head, content

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter and a file of this package
                [sys.executable, "-I", str(_PROGRAM), str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._ending = weakref.finalize(self, _end, self._process)
        return self._process

    def _end(self) -> None:
        self._process = None
        if self._ending is not None:
            self._ending()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            _pipe(pipe).close()


@contextlib.contextmanager
def _ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the process was started without pipes")
    return stream
