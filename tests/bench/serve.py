"""Server CPU per request against bare `session.run` asking for `score` alone; start-up; memory.

The server runs with everything on: keys, limits, metrics. It is pinned to one core and this process, the load, to the
other; bare `session.run` takes turns with it on the server's core. CPU is the server's own, from /proc.

    python tests/bench/serve.py [--write]
"""

import argparse
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import orjson
from numpy.typing import NDArray
from pyod.models.iforest import IForest

from pynomaly_inference.bundle import QUANTILE_LEVELS, Golden, Metadata
from pynomaly_inference.convert import attach, to_onnx
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
BEGIN, END = "<!-- serve:begin -->", "<!-- serve:end -->"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
Matrix = NDArray[np.float64]


def build_model() -> bytes:
    """IForest of 100 trees on 16 features, as the trainer writes it."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(5000, FEATURES))
    rows[:200] += 3
    detector = IForest(n_estimators=100, random_state=0, contamination=0.05).fit(rows)
    scores = detector.decision_scores_
    numbers = random.normal(size=(32, FEATURES))
    golden = Golden(
        numbers=tuple(map(tuple, numbers.tolist())),
        categories=None,
        scores=tuple(detector.decision_function(numbers).tolist()),
    )
    document = {
        "name": "bench",
        "algorithm": {"name": "IForest", "parameters": {"n_estimators": 100}},
        "semantics": "exact",
        "explains": True,
        "keeps_training_rows": False,
        "missing_values": False,
        "features": [{"name": f"x{column}", "type": "Number"} for column in range(FEATURES)],
        "contamination": 0.05,
        "threshold": float(detector.threshold_),
        "score_scale": float(np.median(np.abs(scores))),
        "score_quantiles": np.quantile(scores, QUANTILE_LEVELS).tolist(),
        "evaluation": {"rows": 5000, "held_out": False, "anomaly_rate": 0.05},
        "parity": {"reference": "PyOD", "tolerance": 1e-9, "cases": {}, "rows_within_threshold_band": 0},
        "golden": golden.model_dump(),
        "chunk": None,
        "training_rows": 5000,
        "data_fingerprint": "0" * 64,
        "versions": {},
    }
    return attach(to_onnx(detector), Metadata.model_validate(document))


@dataclass(frozen=True)
class Load:
    """Requests of one kind and size, and how many connections send them."""

    requests: list[bytes]
    connections: int


def loads() -> dict[str, dict[int, Load]]:
    """The requests by kind and size. JSON numbers have four decimals, as measurements do; binary ones are FP64."""
    kinds: dict[str, Callable[[Matrix], bytes]] = {
        "OIP binary": _binary,
        "OIP JSON": _oip_json,
        "/v1/score JSON": _score_json,
    }
    return {
        kind: {
            rows: Load([make(matrix) for matrix in matrices(rows)], connections)
            for rows, connections in CONNECTIONS.items()
        }
        for kind, make in kinds.items()
    }


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
    """A server process, pinned to a core of its own."""

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
        server = Server(process, port, time.perf_counter() - start, 0.0)
        yield Server(process, port, server.ready_seconds, server.cpu())
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def cpu_per_request(server: Server, load: Load) -> float:
    """Microseconds of the server for one request, while every connection always has one under way.

    A server that waits between requests would pay for waking up, and for whatever ran on its core meanwhile.
    """
    with selectors.DefaultSelector() as selector:
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(load.connections)]
        before, end, sent = server.cpu(), time.perf_counter() + CELL_SECONDS, 0
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ, connection)
            connection.sendall(load.requests[sent % len(load.requests)])
            sent += 1
        while time.perf_counter() < end:
            for key, _ in selector.select(0):
                _read_answer(key.data)
                key.data.sendall(load.requests[sent % len(load.requests)])
                sent += 1
        for connection in connections:
            _read_answer(connection)
        cost = (server.cpu() - before) / sent * 1e6
        for connection in connections:
            connection.close()
    return cost


def _read_answer(connection: socket.socket) -> None:
    answer = connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the server refused: {answer[:500]!r}")
    left = int(head.rsplit(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]) - len(body)
    while left > 0:
        left -= len(connection.recv(1 << 20))


def bare_cpu(session: ort.InferenceSession, inputs: list[Matrix], core: int, own_core: int) -> float:
    """Microseconds of one bare run, on the server's core."""
    os.sched_setaffinity(0, {core})
    try:
        runs = 0
        before, end = time.process_time(), time.perf_counter() + CELL_SECONDS
        while time.perf_counter() < end:
            session.run(["score"], {"X": inputs[runs % len(inputs)]})
            runs += 1
        return (time.process_time() - before) / runs * 1e6
    finally:
        os.sched_setaffinity(0, {own_core})


def bare_session(model: bytes) -> ort.InferenceSession:
    """The graph without contributions, which a bare run of the whole file would compute too."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(prune(model, OUTPUTS), options, providers=["CPUExecutionProvider"])


def measure() -> str:
    """The table."""
    cores = sorted(os.sched_getaffinity(0))
    own_core, core = cores[0], cores[-1]
    os.sched_setaffinity(0, {own_core})
    content = build_model()
    session = bare_session(content)
    inputs = {rows: matrices(rows) for rows in CONNECTIONS}
    kinds = loads()
    measured: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        model, keys = Path(folder) / "bench.onnx", Path(folder) / "keys"
        model.write_bytes(content)
        keys.write_text(f"{KEY}\n")
        starts, cpus = [], []
        for _ in range(3):
            with serving(model, keys, core) as server:
                starts.append(server.ready_seconds)
                cpus.append(server.ready_cpu)
        with serving(model, keys, core) as server:
            idle = server.memory_mb()
            for _ in range(ROUNDS):
                for rows in CONNECTIONS:
                    measured.setdefault(("bare", rows), []).append(bare_cpu(session, inputs[rows], core, own_core))
                    for kind, sizes in kinds.items():
                        measured.setdefault((kind, rows), []).append(cpu_per_request(server, sizes[rows]))
            loaded = server.memory_mb()
    return _table(measured, (statistics.median(starts), statistics.median(cpus), idle, loaded))


def _table(measured: dict[tuple[str, int], list[float]], other: tuple[float, float, float, float]) -> str:
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
    lines.append(f"| memory (PSS), idle | {idle:.0f} MB | <= {MEMORY_GOAL_MB:g} MB |")
    lines.append(f"| memory (PSS), after the load | {loaded:.0f} MB | |")
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


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    table = measure()
    sys.stdout.write(f"{table}\n")
    if arguments.write:
        write(table)


if __name__ == "__main__":
    main()
