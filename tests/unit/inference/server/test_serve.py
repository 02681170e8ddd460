"""The server as a process: it starts, says where, and stops without losing a request."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import ServerSettings

PROGRAM = """
import sys
from pathlib import Path
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable
serve(
    ModelTable.load([Path(sys.argv[1])]),
    ServerSettings(port=0, drain_seconds=float(sys.argv[2])),
    on_ready=lambda addresses: print(addresses.url, flush=True),
)
print("stopped", flush=True)
"""
DRAIN_SECONDS = 1.0


@pytest.fixture
def process(write: Any, variant: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(write(variant())), str(DRAIN_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@contextmanager
def load(url: str, clients: int) -> Iterator[list[int | str]]:
    """Clients that each keep a connection busy until the server says that it is not ready; their answers."""
    answers: list[int | str] = []
    ready = threading.Event()
    ready.set()

    def watch() -> None:
        with httpx.Client(base_url=url) as client:
            while ready.is_set():
                if client.get("/health/ready").status_code != 200:
                    ready.clear()
                time.sleep(0.01)

    def send(body: dict[str, Any]) -> None:
        with httpx.Client(base_url=url) as client:
            while ready.is_set():
                try:
                    answers.append(client.post("/v1/score", json=body).status_code)
                except httpx.HTTPError as error:
                    answers.append(repr(error))

    bodies: list[dict[str, Any]] = [{"rows": [[1, 2]]}, {"rows": [[1, 2]] * 50_000}]
    threads = [threading.Thread(target=send, args=(bodies[index % 2],)) for index in range(clients)]
    threads.append(threading.Thread(target=watch))
    for thread in threads:
        thread.start()
    yield answers
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_sigterm_under_load_loses_no_request_and_exits_0(process: tuple[subprocess.Popen[str], str]) -> None:
    server, url = process
    with load(url, clients=4) as answers:
        while len(answers) < 100:
            time.sleep(0.01)
        server.send_signal(signal.SIGTERM)
        before = len(answers)

    assert server.wait(20) == 0
    assert server.stdout is not None
    assert server.stderr is not None
    assert server.stdout.read() == "stopped\n"
    assert server.stderr.read() == ""
    assert len(answers) > before
    assert set(answers) == {200}


def test_after_sigterm_it_is_not_ready_and_answers_until_it_stops(process: tuple[subprocess.Popen[str], str]) -> None:
    server, url = process
    with httpx.Client(base_url=url) as client:
        assert client.get("/health/ready").status_code == 200
        start = time.monotonic()
        server.send_signal(signal.SIGTERM)
        while (ready := client.get("/health/ready")).status_code == 200:
            assert time.monotonic() - start < DRAIN_SECONDS

        answer = client.post("/v1/score", json={"rows": [[1, 2]]})

        assert ready.json() == {"ready": False}
        assert answer.json()["scores"] == [2.0]
        assert answer.headers["connection"] == "close"
        assert client.get("/health/live").status_code == 200
        health = client.get("/health")
        assert health.status_code == 200
        assert health.json() == {"status": "degraded", "components": {"scoring": "draining", "keys": "open"}}
        assert client.get("/v2/models/plant/ready").status_code == 503
    assert server.wait(20) == 0
    assert time.monotonic() - start >= DRAIN_SECONDS


def test_a_request_that_arrives_slowly_is_answered_although_the_server_stops(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    server, url = process
    body = b'{"rows":[[1,2]]}'
    head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection((httpx.URL(url).host, httpx.URL(url).port or 0), timeout=10) as connection:
        connection.sendall(head + body[:5])
        server.send_signal(signal.SIGTERM)
        time.sleep(DRAIN_SECONDS + 0.5)  # past the drain: the listener is closed by now
        connection.sendall(body[5:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
    assert server.wait(20) == 0


def test_sigint_stops_at_once_and_exits_0(process: tuple[subprocess.Popen[str], str]) -> None:
    server, url = process
    with httpx.Client(base_url=url) as client:
        client.get("/health")
        start = time.monotonic()
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        assert time.monotonic() - start < DRAIN_SECONDS
    assert server.stderr is not None
    assert server.stderr.read() == ""


def test_an_address_that_cannot_be_had_is_an_error_in_words(table: Any, variant: Any) -> None:
    models = table(variant())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PynomalyError, match=rf"cannot listen on 127.0.0.1:{port}: Address already in use; choose"):
            serve(models, ServerSettings(port=port))
    with pytest.raises(PynomalyError, match="cannot listen on"):
        serve(models, ServerSettings(host="192.0.2.1", anonymous=True, port=0))


def test_serving_imports_nothing_that_trains() -> None:
    program = (
        "import sys\nimport pynomaly_inference.server.serve\n"
        "print(sorted({'pyod', 'sklearn', 'torch', 'onnx', 'polars', 'scipy'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[4] / "inference")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
