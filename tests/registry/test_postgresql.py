"""What only PostgreSQL does: several registries on one database, and a database that goes away."""

import asyncio
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from tests.registry.postgres import ESCAPED, PASSWORD, Postgres, postgres
from tests.registry.processes import Process, process, start, until_listening
from tests.registry.stores import Store, postgresql_store
from tests.unit.inference.registry.harness import fingerprint, running

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.database import READY_SECONDS
from pynomaly_inference.registry.postgresql import Limits, PostgresqlDatabase
from pynomaly_inference.registry.postgresql_url import Server

A, B = fingerprint("a"), fingerprint("b")
MEBIBYTE = 1024 * 1024
NOBODY = "99999999-9999-4999-8999-999999999999"
QUICK = Limits(statement=1.0, connect=1.0, turn=1.0, start=0.0)
CONNECTIONS = """SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'pynomaly-registry' AND datname = current_database()"""
STORING = f"{CONNECTIONS} AND xact_start IS NOT NULL AND query LIKE 'INSERT INTO chunks%'"


@pytest.fixture
def store(server: Postgres, tmp_path: Path) -> Iterator[Store]:
    """An empty database of one test's own."""
    with postgresql_store(server, tmp_path) as found:
        yield found


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A server that the test may stop."""
    with postgres() as found:
        yield found


@pytest.fixture
def own_store(own: Postgres, tmp_path: Path) -> Store:
    own.sql("CREATE DATABASE models")
    return Store(own.url("models"), tmp_path)


def database(store: Store, limits: Limits) -> PostgresqlDatabase:
    return PostgresqlDatabase(Server.of(make_url(store.url)), limits)


def test_two_registries_that_get_one_fingerprint_at_once_make_one_version(store: Store) -> None:
    with ExitStack() as stack:
        registries = [stack.enter_context(process(store)) for _ in range(2)]

        def upload(number: int) -> httpx.Response:
            with registries[number % 2].trainer() as trainer:
                return trainer.upload(A, b"model" * 100_000)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(upload, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert store.sql("SELECT count(*) FROM versions") == [(1,)]


def test_two_registries_give_consecutive_versions_each_once(store: Store) -> None:
    with ExitStack() as stack:
        registries = [stack.enter_context(process(store)) for _ in range(2)]

        def upload(number: int) -> int:
            with registries[number % 2].trainer() as trainer:
                version: int = trainer.upload(fingerprint(str(number)), b"%d" % number).json()["version"]
                return version

        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(upload, range(24))) == list(range(1, 25))


def test_another_detectors_upload_does_not_wait_for_a_slow_one(store: Store) -> None:
    async def run() -> list[str]:
        order = []
        async with connected(store.url) as found:
            began = asyncio.Event()
            release = asyncio.Event()

            async def slow() -> None:
                async with found.writing("one"):
                    began.set()
                    await release.wait()
                    order.append("one")

            async def quick() -> None:
                await began.wait()
                async with found.writing("other"):
                    order.append("other")
                release.set()

            await asyncio.gather(slow(), quick())
        return order

    assert asyncio.run(asyncio.wait_for(run(), 30)) == ["other", "one"]


def test_killed_while_it_stores_a_model_it_has_all_of_it_or_nothing(server: Postgres, store: Store) -> None:
    content = b"".join(bytes([number]) * MEBIBYTE for number in range(48))
    database_name = make_url(store.url).database
    assert database_name is not None

    def kill_when_it_stores(registry: Process) -> None:
        while registry.popen.poll() is None:
            if server.sql(STORING, database_name) != [["0"]]:
                registry.popen.kill()
                return

    with process(store) as registry:
        killer = threading.Thread(target=kill_when_it_stores, args=(registry,))
        killer.start()
        with registry.trainer() as trainer, pytest.raises(httpx.TransportError):
            trainer.upload(A, content)
        registry.popen.wait(30)
        killer.join()
    with running(store.settings) as again, again.trainer() as trainer:
        assert trainer.detector(f"/fingerprints/{A}").status_code == 404
        retried = trainer.upload(A, content)
        assert retried.json()["version"] == 1
        assert trainer.detector(f"/models/{retried.json()['digest']}").content == content
    assert store.sql("SELECT count(*), sum(length(content)) FROM chunks") == [(48, 48 * MEBIBYTE)]


def test_while_the_server_is_away_it_is_503_and_afterwards_as_before(own: Postgres, own_store: Store) -> None:
    with running(own_store.settings) as registry, registry.trainer() as trainer:
        made = trainer.upload(A, b"model").json()
        own.stop()
        began = time.monotonic()
        for answer in (
            trainer.detector("/versions"),
            trainer.detector(f"/models/{made['digest']}"),
            trainer.upload(B, b"next"),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
            assert "try again" in answer.json()["detail"]
        assert httpx.get(f"{registry.url}/health/ready").status_code == 503
        assert httpx.get(f"{registry.url}/health/live").status_code == 200
        text_while_away = httpx.get(f"{registry.url}/metrics").text
        assert time.monotonic() - began < 20
        assert "pynomaly_registry_versions NaN" in text_while_away
        assert "\npynomaly_database_connections 0.0\n" in text_while_away
        own.start()
        assert trainer.detector("/versions").json() == {"versions": [made]}
        assert trainer.upload(B, b"next").json()["version"] == 2
        assert httpx.get(f"{registry.url}/health/ready").status_code == 200


def test_a_restart_between_two_requests_is_not_noticed(own: Postgres, own_store: Store) -> None:
    with running(own_store.settings) as registry, registry.trainer() as trainer:
        trainer.upload(A, b"model")
        own.stop()
        own.start()
        assert trainer.upload(B, b"next").json()["version"] == 2


def test_an_upload_whose_server_goes_away_is_503_and_leaves_nothing(own: Postgres, own_store: Store) -> None:
    content = b"x" * (64 * MEBIBYTE)
    with running(own_store.settings) as registry, registry.trainer() as trainer, ThreadPoolExecutor(1) as threads:
        upload = threads.submit(trainer.upload, A, content)
        while not upload.done() and own.sql(STORING, "models") == [["0"]]:
            pass
        own.stop()
        assert upload.result(60).status_code == 503
        own.start()
        assert trainer.detector("/versions").json() == {"versions": []}
        assert trainer.upload(A, content).json()["version"] == 1


def test_a_server_that_says_nothing_any_more_is_given_up(own: Postgres, own_store: Store) -> None:
    async def run() -> None:
        async with connected(own_store.url):
            pass
        found = database(own_store, QUICK)
        async with found.reading() as connection:
            await connection.execute(text("SELECT 1"))
        with own.frozen():
            began = time.monotonic()
            assert not await found.is_ready()
            assert time.monotonic() - began < 2 * READY_SECONDS + 1
            for opening in (found.reading, partial(found.writing, "one")):
                began = time.monotonic()
                with pytest.raises((DBAPIError, OSError)):
                    async with opening() as connection:
                        await connection.execute(text("SELECT 1"))
                assert time.monotonic() - began < 5 * (QUICK.statement + QUICK.connect)
        async with found.reading() as connection:
            assert found.open_connections == (await connection.execute(text(CONNECTIONS))).scalar_one()
        assert await found.is_ready()
        await found.close()
        assert found.open_connections == 0

    asyncio.run(asyncio.wait_for(run(), 90))


def test_a_statement_that_waits_too_long_is_ended_by_the_server(store: Store) -> None:
    async def run() -> float:
        async with connected(store.url) as holder:
            impatient = database(store, replace(QUICK, connect=30.0))
            async with holder.writing("one"):
                began = time.monotonic()
                with pytest.raises(DBAPIError, match="statement timeout"):
                    async with impatient.writing("one"):
                        pass
                took = time.monotonic() - began
            await impatient.close()
        return took

    assert 0.9 < asyncio.run(asyncio.wait_for(run(), 60)) < 20


def test_its_limits_are_those_that_were_promised(store: Store) -> None:
    async def shown(name: str) -> str:
        async with connected(store.url) as found, found.reading() as connection:
            value: str = (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            return value

    assert asyncio.run(shown("statement_timeout")) == "30s"
    assert asyncio.run(shown("transaction_read_only")) == "on"
    assert asyncio.run(shown("transaction_isolation")) == "repeatable read"
    assert Limits() == Limits(connections=20, overflow=30, recycle=3600, statement=30.0)


def test_the_number_of_connections_is_the_servers(store: Store) -> None:
    async def run() -> tuple[list[int], list[int]]:
        counted, real = [], []
        async with connected(store.url) as found:
            for wanted in (1, 7, 25, 2):
                async with AsyncExitStack() as stack:
                    readers = [stack.enter_async_context(found.reading()) for _ in range(wanted)]
                    connections = await asyncio.gather(*readers)
                    await asyncio.gather(*(connection.execute(text("SELECT 1")) for connection in connections))
                    counted.append(found.open_connections)
                    answer = await connections[0].execute(text(CONNECTIONS))
                    real.append(answer.scalar_one())
        return counted, real

    counted, real = asyncio.run(run())
    assert counted == real
    assert counted == [1, 7, 25, 20]


def test_the_metric_tells_the_connections_of_a_registry(store: Store) -> None:
    with running(store.settings) as registry, registry.trainer() as trainer:
        trainer.upload(A, b"model")
        shown = httpx.get(f"{registry.url}/metrics").text
        real = store.sql(CONNECTIONS)[0][0]
    found = re.search(r"^pynomaly_database_connections (\S+)$", shown, re.MULTILINE)
    assert found is not None
    assert float(found[1]) == real > 0


def test_a_registry_waits_for_a_server_that_starts_later(own: Postgres, own_store: Store) -> None:
    own.stop()
    popen = start(own_store)
    try:
        assert popen.stderr is not None
        assert "tried again" in popen.stderr.readline()
        own.start()
        with until_listening(popen).trainer() as trainer:
            assert trainer.upload(A, b"model").json()["version"] == 1
    finally:
        popen.kill()
        popen.communicate()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((ESCAPED, "wrong-secret"), "password authentication failed"),
        (("/models", "/nothing"), 'database "nothing" does not exist'),
        (("registry:", "stranger:"), "stranger"),
    ],
)
def test_what_waiting_cannot_mend_is_told_at_once_without_the_password(
    server: Postgres, change: tuple[str, str], said: str
) -> None:
    url = server.url("models").replace(*change)

    async def run() -> None:
        async with connected(url):
            pass

    began = time.monotonic()
    with pytest.raises(PynomalyError, match=said) as raised:
        asyncio.run(run())
    assert time.monotonic() - began < 20
    for secret in (PASSWORD, ESCAPED, "wrong-secret"):
        assert secret not in str(raised.value)


def test_no_log_holds_the_password_whatever_goes_wrong(own: Postgres, own_store: Store) -> None:
    with process(own_store) as registry:
        with registry.trainer() as trainer:
            trainer.upload(A, b"model")
            own.stop()
            assert trainer.upload(B, b"model").status_code == 503
            own.start()
            own_store.sql("ALTER TABLE versions RENAME TO gone")
            assert trainer.detector("/versions").status_code == 503
        command_line = Path(f"/proc/{registry.popen.pid}/cmdline").read_text()
        registry.popen.send_signal(signal.SIGINT)
        log = registry.popen.communicate(timeout=30)[1]
    assert "the database or the disk failed" in log
    for shown in (log, command_line):
        assert PASSWORD not in shown
        assert ESCAPED not in shown


def certified(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def test_tls_is_what_the_url_asks_for(tmp_path: Path) -> None:
    certificate, key = certified(tmp_path, "db")
    stranger, _ = certified(tmp_path, "stranger")
    with postgres() as found:
        found.secure(certificate, key)
        found.sql("CREATE DATABASE models")

        async def encrypted(query: str) -> bool:
            async with connected(found.url("models", query)) as opened, opened.reading() as connection:
                wanted = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                answer: bool = (await connection.execute(wanted)).scalar_one()
                return answer

        assert asyncio.run(encrypted(f"?sslmode=verify-full&sslrootcert={certificate}")) is True
        assert asyncio.run(encrypted("?sslmode=require")) is True
        assert asyncio.run(encrypted("?sslmode=disable")) is False
        with pytest.raises(PynomalyError, match=r"(?i)certificate"):
            asyncio.run(encrypted(f"?sslmode=verify-full&sslrootcert={stranger}"))


def test_two_registries_hear_of_living_detectors_at_once_and_forget_each_once(store: Store) -> None:
    with ExitStack() as stack:
        registries = [stack.enter_context(running(store.settings)) for _ in range(2)]
        with registries[0].trainer() as trainer:
            for number in range(6):
                trainer.upload(fingerprint(str(number)), b"%d" % number)

        def tell(job: tuple[int, int]) -> dict[str, int]:
            number, version = job
            content = {"format": 1, "resourceVersion": str(version), "namespaces": None, "count": 1, "uids": [NOBODY]}
            with registries[number].operator() as operator:
                answer = operator.put("/v1/living", json=content)
                assert answer.status_code == 200, answer.text
                counts: dict[str, int] = answer.json()
                return counts

        with ThreadPoolExecutor(2) as threads:
            assert [found["missing"] for found in threads.map(tell, [(0, 1), (1, 1)])] == [1, 1]
            for registry in registries:
                registry.clock.seconds += 7 * 86_400
            told = list(threads.map(tell, [(0, 2), (1, 2)]))
    assert sum(found["forgotten"] for found in told) == 1
    assert store.sql("SELECT count(*) FROM detectors") == [(0,)]
    assert store.sql("SELECT count(*) FROM chunks") == [(0,)]
