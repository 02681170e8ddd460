"""A PostgreSQL that goes away, comes back, or says nothing."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import httpx
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from tests.registry.postgres import CONNECTIONS, STORING, Postgres
from tests.registry.processes import start, until_listening
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import fingerprint, running

from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.database import READY_SECONDS
from pynomaly_inference.registry.postgresql import Limits, PostgresqlDatabase
from pynomaly_inference.registry.postgresql_url import Server

A, B = fingerprint("a"), fingerprint("b")
MEBIBYTE = 1024 * 1024
QUICK = Limits(statement=1.0, connect=1.0, turn=1.0, start=0.0)


def database(store: Store, limits: Limits) -> PostgresqlDatabase:
    return PostgresqlDatabase(Server.of(make_url(store.url)), limits)


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


def test_a_statement_that_waits_too_long_is_ended_by_the_server(postgresql: Store) -> None:
    async def run() -> float:
        async with connected(postgresql.url) as holder:
            impatient = database(postgresql, replace(QUICK, connect=30.0))
            async with holder.writing("one"):
                began = time.monotonic()
                with pytest.raises(DBAPIError, match="statement timeout"):
                    async with impatient.writing("one"):
                        pass
                took = time.monotonic() - began
            await impatient.close()
        return took

    assert 0.9 < asyncio.run(asyncio.wait_for(run(), 60)) < 20


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
