"""A cluster's server follows `serving.json`: it switches between requests, and keeps what it has while it cannot."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

PYNOMALY = Path(sys.executable).with_name("pynomaly")
UID = "0b6d9b0e-36ab-4c62-9b0c-3a2f4a1d5c11"
SECONDS = 60
ROW = {"rows": [[2.0, 2.0]]}


@dataclass
class Registry:
    """Hands out model files by digest, to whoever has the token, unless it is down."""

    url: str = ""
    models: dict[str, bytes] = field(default_factory=dict)
    down: bool = False

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        if self.down:
            return 503, b"down"
        if authorization != "Bearer of-the-pod":
            return 401, b"who?"
        prefix, _, digest = path.rpartition("/")
        if prefix != f"/v1/detectors/plant-a/{UID}/models" or digest not in self.models:
            return 404, b"none"
        return 200, self.models[digest]


@pytest.fixture
def registry() -> Iterator[Registry]:
    kept = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = kept.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()


@dataclass
class Pod:
    """`pynomaly follow` in a process of its own."""

    folder: Path
    registry: Registry
    scoring: httpx.Client
    management: httpx.Client

    def serve(self, version: int, content: bytes) -> str:
        """Has the file name this model; returns its digest."""
        digest = hashlib.sha256(content).hexdigest()
        write_serving(self.folder, self.registry, {"version": version, "digest": digest})
        return digest

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.management.get("/status").json()
        return answer


def write_serving(folder: Path, registry: Registry, stable: dict[str, Any] | None) -> None:
    """Replaces the file as the kubelet does: whole, by a rename."""
    detector = {"namespace": "plant-a", "name": "plant", "uid": UID}
    content = {"format": 1, "detector": detector, "registry": registry.url, "stable": stable, "candidate": None}
    (folder / "next").write_text(json.dumps(content))
    (folder / "next").rename(folder / "serving.json")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def is_problem(pod: Pod, digest: str) -> bool:
    problem = pod.status()["problem"]
    return problem is not None and problem["digest"] == digest


def answers(client: httpx.Client, path: str, status: int) -> bool:
    try:
        return client.get(path).status_code == status
    except httpx.TransportError:
        return False


@pytest.fixture
def pod(tmp_path: Path, registry: Registry) -> Iterator[Pod]:
    write_serving(tmp_path, registry, None)
    (tmp_path / "token").write_text("of-the-pod\n")
    scoring, management = free_port(), free_port()
    command: list[str | Path] = [PYNOMALY, "follow", "serving.json", "--token-file", "token"]
    ports = ["--port", str(scoring), "--management-port", str(management)]
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{scoring}", timeout=SECONDS) as to_score,
        httpx.Client(base_url=f"http://127.0.0.1:{management}", timeout=SECONDS) as to_manage,
        subprocess.Popen([*command, *ports], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process,
    ):
        eventually(lambda: answers(to_manage, "/health/live", 200))
        yield Pod(tmp_path, registry, to_score, to_manage)
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, complaints


def test_a_pod_is_unready_until_the_registry_has_given_its_model(pod: Pod, variant: Any) -> None:
    pod.registry.down = True
    content = variant().build()
    digest = pod.serve(1, content)
    eventually(lambda: pod.status()["problem"] is not None)
    assert pod.status()["problem"]["reason"] == "RegistryUnavailable"
    assert pod.status()["problem"]["digest"] == digest
    assert pod.management.get("/health/ready").status_code == 503
    assert pod.scoring.post("/v1/score", json=ROW).status_code == 503
    assert pod.management.get("/health").json()["components"]["scoring"] == "no model"
    pod.registry.models[digest] = content
    pod.registry.down = False
    eventually(lambda: answers(pod.management, "/health/ready", 200))
    assert pod.status() == {"stable": {"version": 1, "digest": digest}, "problem": None}
    assert pod.scoring.post("/v1/score", json=ROW).json()["scores"] == [3.0]


def test_models_are_switched_under_load_without_a_failed_request(pod: Pod, variant: Any) -> None:
    first, second = variant().build(), variant(explains=False).build()
    pod.registry.models |= {hashlib.sha256(content).hexdigest(): content for content in (first, second)}
    pod.serve(1, first)
    eventually(lambda: answers(pod.management, "/health/ready", 200))
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=pod.scoring.base_url, timeout=SECONDS) as client:
            while not stop.is_set():
                response = client.post("/v1/score", json=ROW)
                seen.append((response.status_code, response.json()["model"]["version"]))

    with_load = [threading.Thread(target=load) for _ in range(3)]
    for thread in with_load:
        thread.start()
    eventually(lambda: len(seen) > 20)
    digest = pod.serve(2, second)
    eventually(lambda: pod.status()["stable"] == {"version": 2, "digest": digest})
    after = len(seen)
    eventually(lambda: len(seen) > after + 20)
    stop.set()
    for thread in with_load:
        thread.join()
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {1, 2}
    assert {version for _, version in seen[after + len(with_load) :]} == {2}
    metrics = pod.management.get("/metrics").text
    assert f'pynomaly_model_info{{algorithm="PCA",digest="{digest}",model_name="plant",version="2"}} 1.0' in metrics
    assert metrics.count("pynomaly_model_info{") == 1


def test_a_model_that_cannot_be_had_leaves_the_old_one_serving(pod: Pod, variant: Any) -> None:
    good, bad = variant().build(), variant(wrong_golden=True).build()
    digests = [hashlib.sha256(content).hexdigest() for content in (good, bad)]
    pod.registry.models |= dict(zip(digests, (good, bad), strict=True))
    pod.serve(1, good)
    eventually(lambda: answers(pod.management, "/health/ready", 200))
    for version, digest in ((2, digests[1]), (3, "0" * 64)):
        write_serving(pod.folder, pod.registry, {"version": version, "digest": digest})
        eventually(partial(is_problem, pod, digest))
        status = pod.status()
        assert status["problem"]["reason"] == "ModelLoadFailed"
        assert status["stable"] == {"version": 1, "digest": digests[0]}
        assert pod.scoring.post("/v1/score", json=ROW).json()["model"]["version"] == 1
    pod.serve(1, good)
    eventually(lambda: pod.status()["problem"] is None)


def test_a_file_that_cannot_be_read_is_told(pod: Pod) -> None:
    (pod.folder / "serving.json").write_text('{"format": 2}')
    eventually(lambda: pod.status()["problem"] is not None)
    assert pod.status()["problem"]["reason"] == "ResourceInvalid"
