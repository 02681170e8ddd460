import hashlib
import signal
import socket

import pytest
from tests.registry.processes import TRAINER, process, start, until_listening
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import NAMESPACE, UID, fingerprint, running, upload_headers

from pynomaly_inference.registry.contract import encode_digest

A, B = fingerprint("a"), fingerprint("b")
MEBIBYTE = 1024 * 1024
PATH = f"/v1/detectors/{NAMESPACE}/{UID}"


def pieces(count: int) -> list[bytes]:
    return [bytes([number % 256]) * MEBIBYTE for number in range(count)]


def head(body: bytes, declared: int) -> bytes:
    headers = {"Host": "r", "Authorization": f"Bearer {TRAINER}", "Content-Length": declared, **upload_headers(body)}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"PUT {PATH}/fingerprints/{A} HTTP/1.1", *lines, "", ""]).encode()


def assert_whole(store: Store, versions: int) -> None:
    """Every row has its others, and there are so many versions."""
    assert store.sql("SELECT count(*) FROM versions") == [(versions,)]
    torn = """SELECT count(*) FROM artifacts WHERE size <>
        (SELECT coalesce(sum(length(content)), 0) FROM chunks WHERE artifact_id = artifacts.id)"""
    assert store.sql(torn) == [(0,)]
    unused = "SELECT count(*) FROM artifacts WHERE id NOT IN (SELECT artifact_id FROM versions)"
    assert store.sql(unused) == [(0,)]


def test_killed_while_it_receives_a_model_it_knows_nothing_of_it_afterwards(store: Store) -> None:
    with process(store) as first, socket.create_connection(("127.0.0.1", first.port), timeout=20) as connection:
        body = b"x" * (4 * MEBIBYTE)
        connection.sendall(head(body, len(body)) + body[:-1])
        first.popen.kill()
    assert_whole(store, versions=0)
    assert [path for path in store.folder.iterdir() if "registry.db" not in path.name] == []
    with running(store.settings) as second, second.trainer() as trainer:
        assert trainer.upload(A, b"model").json()["version"] == 1


def test_what_was_answered_for_is_there_after_a_kill(store: Store) -> None:
    with process(store) as first, first.trainer() as trainer:
        made = trainer.upload(A, b"model").json()
        first.popen.kill()
    with running(store.settings) as second, second.trainer() as trainer:
        assert trainer.detector("/versions").json() == {"versions": [made]}
        assert trainer.detector(f"/models/{made['digest']}").content == b"model"
        assert trainer.upload(B, b"next").json()["version"] == 2


def test_on_sigterm_it_finishes_what_is_under_way_and_exits_with_0(store: Store) -> None:
    body = b"x" * MEBIBYTE
    with process(store) as registry:
        with socket.create_connection(("127.0.0.1", registry.port), timeout=20) as connection:
            connection.sendall(head(body, len(body)) + body[:-1])
            registry.popen.terminate()
            assert registry.popen.stderr is not None
            for line in registry.popen.stderr:
                if "Waiting for connections to close" in line:
                    break
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", registry.port), timeout=20).close()
            connection.sendall(body[-1:])
            assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")
        assert registry.popen.wait(30) == 0


def test_several_that_start_at_once_on_a_new_database_all_come_up(store: Store) -> None:
    started = [start(store) for _ in range(3)]
    try:
        registries = [until_listening(popen) for popen in started]
        for number, registry in enumerate(registries, start=1):
            with registry.trainer() as trainer:
                assert trainer.upload(fingerprint(str(number)), b"model").json()["version"] == number
    finally:
        for popen in started:
            popen.kill()
            popen.communicate()
    assert_whole(store, versions=3)


def test_memory_stays_flat_while_200_mib_go_in_and_out(store: Store) -> None:
    content = pieces(200)
    sha256 = hashlib.sha256()
    for piece in content:
        sha256.update(piece)
    headers = {**upload_headers(b""), "Content-Digest": encode_digest(sha256.digest())}
    with process(store) as registry, registry.trainer() as trainer:
        trainer.upload(B, b"warm")
        idle = registry.peak_mib()
        answer = trainer.put(f"{PATH}/fingerprints/{A}", content=iter(content), headers=headers, timeout=120)
        assert answer.status_code == 201
        received = hashlib.sha256()
        with trainer.stream("GET", f"{PATH}/models/{sha256.hexdigest()}", timeout=120) as download:
            for piece in download.iter_bytes():
                received.update(piece)
        peak = registry.peak_mib()
    assert received.digest() == sha256.digest()
    assert peak - idle < 60, f"{idle:.0f} MiB idle, {peak:.0f} MiB at most"


def test_on_sigint_an_idle_registry_exits_with_0_and_has_logged_no_token(store: Store) -> None:
    with process(store) as registry:
        with registry.trainer() as trainer:
            trainer.upload(A, b"model")
            trainer.upload(B, b"model", headers={"Content-Digest": "nonsense"})
        registry.popen.send_signal(signal.SIGINT)
        log = registry.popen.communicate(timeout=30)[1]
    assert registry.popen.returncode == 0
    assert "stopped" in log
    assert TRAINER not in log
