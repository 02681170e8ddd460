import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import (
    NAMESPACE,
    UID,
    Client,
    Running,
    fingerprint,
    running,
    upload_headers,
)

A, B = fingerprint("a"), fingerprint("b")
MEBIBYTE = 1024 * 1024
MOST = 3 * MEBIBYTE


@pytest.fixture
def small(store: Store) -> Iterator[Running]:
    """A registry that keeps models of at most 3 MiB, moves one at a time, and gives each two seconds."""
    with running(replace(store.settings, max_model_bytes=MOST, uploads=1, downloads=1, transfer_seconds=2.0)) as found:
        yield found


@contextmanager
def begun_upload(registry: Running, wanted: str, body: bytes, declared: int) -> Iterator[socket.socket]:
    """A connection that has sent an upload's head, and this much of its body."""
    token = registry.reviewer.issue(f"{NAMESPACE}:ad-{UID}-train")
    headers = {"Host": "registry", "Authorization": f"Bearer {token}", "Content-Length": str(declared)}
    lines = [f"{name}: {value}" for name, value in {**headers, **upload_headers(body)}.items()]
    head = "\r\n".join([f"PUT /v1/detectors/{NAMESPACE}/{UID}/fingerprints/{wanted} HTTP/1.1", *lines, "", ""])
    with socket.create_connection(registry.address, timeout=20) as connection:
        connection.sendall(head.encode() + body)
        yield connection


def test_a_model_of_exactly_the_limit_is_kept(small: Running) -> None:
    with small.trainer() as trainer:
        assert trainer.upload(A, b"x" * MOST).status_code == 201


def test_a_model_beyond_the_limit_is_413_and_leaves_nothing(small: Running) -> None:
    with small.trainer() as trainer:
        answer = trainer.upload(A, b"x" * (MOST + 1))
        assert answer.status_code == 413
        assert "3 MiB" in answer.json()["detail"]
        assert trainer.detector("/versions").json() == {"versions": []}


def test_a_model_beyond_the_limit_is_413_also_when_its_length_is_not_declared(small: Running) -> None:
    content = b"x" * MEBIBYTE
    with small.trainer() as trainer:
        path = f"/v1/detectors/{NAMESPACE}/{UID}/fingerprints/{A}"
        answer = trainer.put(path, content=iter([content] * 40), headers=upload_headers(content))
        assert answer.status_code == 413
        assert trainer.detector("/versions").json() == {"versions": []}


def test_a_client_that_declares_too_much_is_answered_before_it_sends_it(small: Running) -> None:
    with begun_upload(small, A, b"", MOST + 1) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_an_upload_that_stalls_is_given_up_and_the_next_one_gets_its_turn(small: Running) -> None:
    with begun_upload(small, A, b"half", 8) as connection, small.trainer() as trainer:
        assert trainer.upload(B, b"model").status_code == 201
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
        versions = trainer.detector("/versions").json()["versions"]
    assert [version["fingerprint"] for version in versions] == [B]


def test_an_upload_that_breaks_off_leaves_nothing_and_its_turn_to_the_next(small: Running) -> None:
    with begun_upload(small, A, b"half", 8):
        pass
    with small.trainer() as trainer:
        assert trainer.upload(B, b"model").json()["version"] == 1
        assert trainer.detector(f"/fingerprints/{A}").status_code == 404


def test_a_download_that_stalls_is_broken_off_and_the_next_one_gets_its_turn(store: Store) -> None:
    settings = replace(store.settings, downloads=1, transfer_seconds=4.0)
    content = b"x" * (24 * MEBIBYTE)  # more than the buffers between the two hold
    with running(settings) as registry, registry.trainer() as trainer, registry.server() as server:
        digest = trainer.upload(A, content).json()["digest"]
        path = f"/v1/detectors/{NAMESPACE}/{UID}/models/{digest}"
        token = server.headers["Authorization"]
        with socket.create_connection(registry.address, timeout=20) as stalled:
            stalled.sendall(f"GET {path} HTTP/1.1\r\nHost: r\r\nAuthorization: {token}\r\n\r\n".encode())
            began = time.monotonic()
            assert len(server.get(path).content) == len(content)
            assert time.monotonic() - began > 1
            received = 0
            while piece := stalled.recv(MEBIBYTE):
                received += len(piece)
        assert received < len(content)


def test_uploads_wait_for_their_turn_and_all_get_it(small: Running) -> None:
    def upload(number: int) -> int:
        with small.trainer() as trainer:
            return trainer.upload(fingerprint(str(number)), b"x" * MEBIBYTE).status_code

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(upload, range(6))) == [201] * 6


def test_requests_are_answered_while_an_upload_is_under_way(small: Running) -> None:
    with begun_upload(small, A, b"half", 8), Client(small.url, "unknown") as stranger, small.server() as server:
        assert server.detector("/versions").json() == {"versions": []}
        assert stranger.detector("/versions").status_code == 401
        assert httpx.get(f"{small.url}/health/ready").status_code == 200


def test_nothing_that_was_spooled_stays_in_the_folder(small: Running, store: Store) -> None:
    with small.trainer() as trainer:
        trainer.upload(A, b"model")
        trainer.upload(B, b"x" * (MOST + 1))
    assert {path.name for path in store.folder.iterdir()} <= {
        "registry.db",
        "registry.db-wal",
        "registry.db-shm",
        "registry.db.lock",
    }


def test_a_disk_that_cannot_be_written_is_503_and_not_the_callers_fault(store: Store) -> None:
    settings = replace(store.settings, spool=store.folder / "missing")
    with running(settings) as registry, registry.trainer() as trainer:
        answer = trainer.upload(A, b"model")
        assert answer.status_code == 503
        assert str(store.folder) not in answer.text
