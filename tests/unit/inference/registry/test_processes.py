import hashlib
import re
import signal
import socket
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.unit.inference.registry.harness import NAMESPACE, UID, fingerprint, running, settings_for, upload_headers
from tests.unit.inference.registry.processes import TRAINER, Process, process, start, until_listening

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


def assert_whole(database: Path, versions: int) -> None:
    """Every row has its others, and there are so many versions."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT count(*) FROM versions").fetchone() == (versions,)
        torn = """SELECT count(*) FROM artifacts WHERE size IS NOT
            (SELECT sum(length(content)) FROM chunks WHERE artifact_id = artifacts.id)"""
        assert connection.execute(torn).fetchone() == (0,)
        unused = "SELECT count(*) FROM artifacts WHERE id NOT IN (SELECT artifact_id FROM versions)"
        assert connection.execute(unused).fetchone() == (0,)


def test_killed_while_it_receives_a_model_it_knows_nothing_of_it_afterwards(tmp_path: Path) -> None:
    database = tmp_path / "registry.db"
    with process(database) as first, socket.create_connection(("127.0.0.1", first.port), timeout=20) as connection:
        body = b"x" * (4 * MEBIBYTE)
        connection.sendall(head(body, len(body)) + body[:-1])
        first.popen.kill()
    assert_whole(database, versions=0)
    assert sorted(path.suffix for path in tmp_path.iterdir() if "registry.db" not in path.name) == []
    with running(settings_for(database)) as second, second.trainer() as trainer:
        assert trainer.upload(A, b"model").json()["version"] == 1


def test_killed_while_it_stores_a_model_it_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    content = b"".join(pieces(24))
    outcomes = set()
    for kilobytes in (1, 12_000):
        database = tmp_path / f"{kilobytes}.db"
        with process(database) as registry:
            killer = threading.Thread(target=kill_when_log_reaches, args=(registry, database, kilobytes * 1024))
            killer.start()
            with registry.trainer() as trainer:
                try:
                    answered = trainer.upload(A, content).status_code
                except httpx.TransportError:
                    answered = None
            registry.popen.wait(30)
            killer.join()
        with running(settings_for(database)) as again, again.trainer() as trainer:
            found = trainer.detector(f"/fingerprints/{A}").status_code
            assert answered is None or found == 200
            retried = trainer.upload(A, content)
            assert retried.json()["version"] == 1
            assert trainer.detector(f"/models/{retried.json()['digest']}").content == content
        assert_whole(database, versions=1)
        outcomes.add(found)
    assert 404 in outcomes, "no kill hit the transaction"


def kill_when_log_reaches(registry: Process, database: Path, size: int) -> None:
    log = database.with_name(f"{database.name}-wal")
    while registry.popen.poll() is None:
        if log.exists() and log.stat().st_size >= size:
            registry.popen.kill()
            return
        time.sleep(0.001)


def test_what_was_answered_for_is_there_after_a_kill(tmp_path: Path) -> None:
    database = tmp_path / "registry.db"
    with process(database) as first, first.trainer() as trainer:
        made = trainer.upload(A, b"model").json()
        first.popen.kill()
    with running(settings_for(database)) as second, second.trainer() as trainer:
        assert trainer.detector("/versions").json() == {"versions": [made]}
        assert trainer.detector(f"/models/{made['digest']}").content == b"model"
        assert trainer.upload(B, b"next").json()["version"] == 2


def test_on_sigterm_it_finishes_what_is_under_way_and_exits_with_0(tmp_path: Path) -> None:
    body = b"x" * MEBIBYTE
    with process(tmp_path / "registry.db") as registry:
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


def test_several_that_start_at_once_on_a_new_database_all_come_up(tmp_path: Path) -> None:
    started = [start(tmp_path / "registry.db") for _ in range(3)]
    try:
        registries = [until_listening(popen) for popen in started]
        for number, registry in enumerate(registries, start=1):
            with registry.trainer() as trainer:
                assert trainer.upload(fingerprint(str(number)), b"model").json()["version"] == number
    finally:
        for popen in started:
            popen.kill()
            popen.communicate()
    assert_whole(tmp_path / "registry.db", versions=3)


def test_memory_stays_flat_while_200_mib_go_in_and_out(tmp_path: Path) -> None:
    content = pieces(200)
    sha256 = hashlib.sha256()
    for piece in content:
        sha256.update(piece)
    headers = {**upload_headers(b""), "Content-Digest": encode_digest(sha256.digest())}
    with process(tmp_path / "registry.db") as registry, registry.trainer() as trainer:
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


def test_on_sigint_an_idle_registry_exits_with_0_and_has_logged_no_token(tmp_path: Path) -> None:
    with process(tmp_path / "registry.db") as registry:
        with registry.trainer() as trainer:
            trainer.upload(A, b"model")
            trainer.upload(B, b"model", headers={"Content-Digest": "nonsense"})
        registry.popen.send_signal(signal.SIGINT)
        log = registry.popen.communicate(timeout=30)[1]
    assert registry.popen.returncode == 0
    assert "stopped" in log
    assert not re.search(re.escape(TRAINER), log)
