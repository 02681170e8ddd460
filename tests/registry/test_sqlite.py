"""What only SQLite does."""

import asyncio
import threading
import time
from pathlib import Path

import httpx
import pytest
from tests.registry.processes import Process, process
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import fingerprint, running

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry.connect import connected

A = fingerprint("a")
MEBIBYTE = 1024 * 1024


def store_in(folder: Path, name: str = "registry") -> Store:
    return Store(f"sqlite:///{folder / name}.db", folder)


def kill_when_log_reaches(registry: Process, log: Path, size: int) -> None:
    while registry.popen.poll() is None:
        if log.exists() and log.stat().st_size >= size:
            registry.popen.kill()
            return
        time.sleep(0.001)


def test_killed_while_it_stores_a_model_it_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    content = b"".join(bytes([number]) * MEBIBYTE for number in range(24))
    outcomes = set()
    for kilobytes in (1, 12_000):
        store = store_in(tmp_path, str(kilobytes))
        with process(store) as registry:
            log = tmp_path / f"{kilobytes}.db-wal"
            killer = threading.Thread(target=kill_when_log_reaches, args=(registry, log, kilobytes * 1024))
            killer.start()
            with registry.trainer() as trainer:
                try:
                    answered = trainer.upload(A, content).status_code
                except httpx.TransportError:
                    answered = None
            registry.popen.wait(30)
            killer.join()
        with running(store.settings) as again, again.trainer() as trainer:
            found = trainer.detector(f"/fingerprints/{A}").status_code
            assert answered is None or found == 200
            retried = trainer.upload(A, content)
            assert retried.json()["version"] == 1
            assert trainer.detector(f"/models/{retried.json()['digest']}").content == content
        assert store.sql("PRAGMA integrity_check") == [("ok",)]
        assert store.sql("PRAGMA foreign_key_check") == []
        assert store.sql("SELECT count(*), sum(length(content)) FROM chunks") == [(24, 24 * MEBIBYTE)]
        outcomes.add(found)
    assert 404 in outcomes, "no kill hit the transaction"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def run() -> None:
        async with connected(store_in(tmp_path / "missing").url):
            pass

    with pytest.raises(PynomalyError, match="missing"):
        asyncio.run(run())


def test_what_was_committed_is_on_the_disk_and_references_hold(tmp_path: Path) -> None:
    async def pragma(name: str) -> object:
        async with connected(store_in(tmp_path).url) as database, database.reading() as connection:
            return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()

    assert asyncio.run(pragma("journal_mode")) == "wal"
    assert asyncio.run(pragma("synchronous")) == 2
    assert asyncio.run(pragma("foreign_keys")) == 1
    assert asyncio.run(pragma("busy_timeout")) == 30_000
