"""Server CPU per request against bare `session.run` asking for `score` alone; start-up; memory.

The server runs with everything on: keys, limits, metrics. It is pinned to one core and this process, the load, to the
other; bare `session.run` takes turns with it on the server's core. CPU is the server's own, from /proc. Each round has
a fresh server and a fresh bare process: where a process happens to lie in memory is worth several percent.

    python tests/bench/serve.py [--write]
"""

import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from pynomaly_inference.scoring.model import OUTPUTS
from pynomaly_inference.scoring.prune import prune

FEATURES = 16
KEY = "benchmark-key"
ROUNDS = 7
CELL_SECONDS = 0.25
CONNECTIONS = {1: 16, 64: 16, 1000: 4, 10000: 4}
BODIES = {1: 256, 64: 64, 1000: 8, 10000: 3}
"""Several bodies of each size take turns, so that no branch predictor learns one of them."""
GOALS = {
    "OIP binary": {1: 5.0, 64: 1.25, 1000: 1.05, 10000: 1.05},
    "OIP JSON": {1: 5.0, 64: 1.35},
    "/v1/score JSON": {1: 5.0, 64: 1.35},
}
START_GOAL_SECONDS, MEMORY_GOAL_MB = 1.0, 130.0
SERVE = """
import os, sys
from pathlib import Path
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable
model, keys, port, core = sys.argv[1:]
os.sched_setaffinity(0, {int(core)})
settings = ServerSettings(port=int(port), keys=Path(keys), rows=100_000, body_mib=50)
serve(ModelTable.load([Path(model)]), settings)
"""
"""What the server's process runs: not this file, which imports the trainer."""
RESOURCE = """
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {name: bench}
spec:
  algorithm: {name: IForest, parameters: {n_estimators: 100}}
  contamination: 0.05
  training: {source: {uri: bench.csv}}
"""
BARE = """
import os, sys, time
import numpy as np
import onnxruntime as ort
graph, core, seconds, *sizes = sys.argv[1:]
os.sched_setaffinity(0, {int(core)})
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
for size in sizes:
    rows, count = map(int, size.split(":"))
    random = np.random.default_rng(rows)
    inputs = [random.normal(size=(rows, 16)).round(4) for _ in range(count)]
    session.run(["score"], {"X": inputs[0]})
    runs, before, end = 0, time.process_time(), time.perf_counter() + float(seconds)
    while time.perf_counter() < end:
        session.run(["score"], {"X": inputs[runs % count]})
        runs += 1
    print((time.process_time() - before) / runs * 1e6)
"""
"""What the bare process runs."""
BEGIN, END = "<!-- serve:begin -->", "<!-- serve:end -->"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
Matrix = NDArray[np.float64]


def train(folder: Path) -> Path:
    """IForest of 100 trees on 16 features, as the trainer writes it."""
    rows = np.random.default_rng(0).normal(size=(5000, FEATURES))
    rows[:200] += 3
    header = ",".join(f"x{column}" for column in range(FEATURES))
    np.savetxt(folder / "bench.csv", rows, delimiter=",", header=header, comments="")
    (folder / "bench.yaml").write_text(RESOURCE)
    command = [Path(sys.executable).with_name("pynomaly"), "train", folder / "bench.yaml", "-o", folder / "bench.onnx"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return folder / "bench.onnx"


def loads() -> dict[str, dict[int, list[bytes]]]:
    """The requests by kind and rows. JSON numbers have four decimals, as measurements do; binary ones are FP64."""
    kinds = {"OIP binary": _binary, "OIP JSON": _oip_json, "/v1/score JSON": _score_json}
    return {kind: {rows: list(map(make, matrices(rows))) for rows in BODIES} for kind, make in kinds.items()}


def matrices(rows: int) -> list[Matrix]:
    """The inputs of one size."""
    random = np.random.default_rng(rows)
    return [random.normal(size=(rows, FEATURES)).round(4) for _ in range(BODIES[rows])]


def _score_json(rows: Matrix) -> bytes:
    return _post("/v1/score", orjson.dumps({"rows": rows}, option=orjson.OPT_SERIALIZE_NUMPY))


def _oip_json(rows: Matrix) -> bytes:
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel()}
    return _post("/v2/models/bench/infer", orjson.dumps({"inputs": [tensor]}, option=orjson.OPT_SERIALIZE_NUMPY))


def _binary(rows: Matrix) -> bytes:
    tensor = {
        "name": "X",
        "shape": list(rows.shape),
        "datatype": "FP64",
        "parameters": {"binary_data_size": rows.nbytes},
    }
    head = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    extra = b"Inference-Header-Content-Length: %d\r\n" % len(head)
    return _post("/v2/models/bench/infer", head + rows.tobytes(), b"application/octet-stream", extra)


def _post(path: str, body: bytes, media: bytes = b"application/json", extra: bytes = b"") -> bytes:
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\nX-API-Key: %b\r\n"
        b"Content-Type: %b\r\n%bContent-Length: %d\r\n\r\n%b"
    ) % (path.encode(), KEY.encode(), media, extra, len(body), body)


@dataclass(frozen=True)
class Server:
    """A server process, pinned to a core of its own. ready_cpu: CPU seconds until it was ready."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float
    ready_cpu: float

    def cpu(self) -> float:
        """CPU seconds of all its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory_mb(self) -> float:
        """Proportional set size."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@contextmanager
def serving(model: Path, keys: Path, core: int) -> Iterator[Server]:
    """Starts a server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(model), str(keys), str(port), str(core)])
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - start > 30:
                raise SystemExit("the server did not become ready")
            time.sleep(0.005)
        ready = Server(process, port, time.perf_counter() - start, 0.0)
        yield replace(ready, ready_cpu=ready.cpu())
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False


def cpu_per_request(server: Server, requests: list[bytes], connected: int) -> float:
    """Microseconds of the server for one request, while every connection always has one: waking up costs apart."""
    with selectors.DefaultSelector() as selector:
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(connected)]
        before, end, sent = server.cpu(), time.perf_counter() + CELL_SECONDS, 0
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, connection)
            connection.sendall(requests[sent % len(requests)])
            sent += 1
        while time.perf_counter() < end:
            for key, _ in selector.select(0):
                _read_answer(key.data)
                key.data.sendall(requests[sent % len(requests)])
                sent += 1
        for connection in connections:
            _read_answer(connection)
            connection.close()
    return (server.cpu() - before) / sent * 1e6


def _read_answer(connection: socket.socket) -> None:
    answer = connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the server refused: {answer[:500]!r}")
    left = int(head.rsplit(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]) - len(body)
    while left > 0:
        left -= len(connection.recv(1 << 20))


def bare_cpu(graph: Path, core: int) -> dict[int, float]:
    """Microseconds of one bare run by rows, in a process of its own on the server's core."""
    sizes = [f"{rows}:{count}" for rows, count in BODIES.items()]
    command = [sys.executable, "-c", BARE, str(graph), str(core), str(CELL_SECONDS), *sizes]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(zip(BODIES, map(float, done.stdout.split()), strict=True))


def measure() -> str:
    """The table."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    kinds = loads()
    measured: dict[tuple[str, int], list[float]] = {}
    others: list[tuple[float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        model, graph, keys = train(Path(folder)), Path(folder) / "graph.onnx", Path(folder) / "keys"
        # A bare run of the whole file would compute contributions too.
        graph.write_bytes(prune(model.read_bytes(), OUTPUTS))
        keys.write_text(f"{KEY}\n")
        for _ in range(ROUNDS):
            for rows, cost in bare_cpu(graph, cores[-1]).items():
                measured.setdefault(("bare", rows), []).append(cost)
            with serving(model, keys, cores[-1]) as server:
                idle = server.memory_mb()
                for kind, sizes in kinds.items():
                    for rows, requests in sizes.items():
                        cost = cpu_per_request(server, requests, CONNECTIONS[rows])
                        measured.setdefault((kind, rows), []).append(cost)
                others.append((server.ready_seconds, server.ready_cpu, idle, server.memory_mb()))
    return _table(measured, [statistics.median(column) for column in zip(*others, strict=True)])


def _table(measured: dict[tuple[str, int], list[float]], other: list[float]) -> str:
    lines = ["| rows | request | CPU µs (quartiles) | times bare | goal |", "|---|---|---|---|---|"]
    for rows in CONNECTIONS:
        bare = statistics.median(measured["bare", rows])
        lines.append(f"| {rows:,} | bare `session.run` | {_spread(measured['bare', rows])} | 1 | |")
        for kind, goals in GOALS.items():
            ratio = statistics.median(measured[kind, rows]) / bare
            goal = goals.get(rows)
            verdict = "" if goal is None else f"<= {goal:g}: {'reached' if ratio <= goal else 'missed'}"
            lines.append(f"| {rows:,} | {kind} | {_spread(measured[kind, rows])} | {ratio:.2f} | {verdict} |")
    ready, cpu, idle, loaded = other
    lines += ["", "| what | measured | goal |", "|---|---|---|"]
    lines.append(f"| start to ready | {ready:.2f} s, {cpu:.2f} s of CPU | <= {START_GOAL_SECONDS:g} s |")
    lines.append(f"| memory (PSS), idle, loaded | {idle:.0f}, {loaded:.0f} MB | <= {MEMORY_GOAL_MB:g} MB idle |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:,.1f} ({low:,.1f} to {high:,.1f})"


def write(table: str) -> None:
    """Puts the table between its markers."""
    text = (
        DOCUMENT.read_text()
        if DOCUMENT.exists()
        else "# Benchmarks\n\n`make bench` measures and writes these tables.\n"
    )
    section = f"{BEGIN}\n{table}\n{END}"
    if BEGIN in text:
        before, rest = text.split(BEGIN, 1)
        text = before + section + rest.split(END, 1)[1]
    else:
        text = f"{text}\n## Serving\n\n{(__doc__ or '').split('    python')[0].strip()}\n\n{section}\n"
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    measured_table = measure()
    sys.stdout.write(f"{measured_table}\n")
    if "--write" in sys.argv[1:]:
        write(measured_table)
