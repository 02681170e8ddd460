"""`make soak-streams`: ten million rows over one stream, and what the server's memory does meanwhile.

Usage: python -m tests.bench.streams [--rows N] [--write]
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.bench import document
from tests.unit.inference.server.conftest import Variant
from tests.unit.inference.server.stream_load import BLOCK_ROWS, growth, serving, stream_over_http, stream_over_websocket

MEBIBYTE = 2**20
WAYS = {
    "`POST /v1/stream`, NDJSON": stream_over_http,
    f"WebSocket, {BLOCK_ROWS:,} rows a message": stream_over_websocket,
}
_INTRODUCTION = """## Streams

{rows:,} rows over one stream, written and read by a Python client on the same machine, which holds every answer
against the first thousand. The server's peak memory after a tenth of the rows, and by how much it had grown at their
end: `make soak-streams`.
"""


def measured(rows: int) -> list[str]:
    """The section: one line a way to stream."""
    lines = [_INTRODUCTION.format(rows=rows), *document.head(["", "rows/s", "peak after a tenth", "grown by the end"])]
    with tempfile.TemporaryDirectory(prefix="pynomaly-streams-") as folder:
        model = Path(folder, "model.onnx")
        model.write_bytes(Variant().build())
        for name, stream in WAYS.items():
            with serving(model) as server:
                start = time.monotonic()
                grown, _ = growth(server, stream, rows // BLOCK_ROWS)
                seconds, peak = time.monotonic() - start, server.peak_bytes() - grown
            sizes = (f"{peak / MEBIBYTE:.0f} MiB", f"{max(grown, 0) / MEBIBYTE:.1f} MiB")
            lines.append(document.line(name, f"{rows / seconds:,.0f}", *sizes))
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    section = "\n".join(measured(arguments.rows))
    print(section)  # noqa: T201 - a program's output
    if arguments.write:
        document.write("streams", section)
