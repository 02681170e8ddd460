"""Several registries on one PostgreSQL."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import make_url
from tests.registry.postgres import STORING, Postgres
from tests.registry.processes import Process, process
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import fingerprint, running

from pynomaly_inference.registry.connect import connected

A = fingerprint("a")
MEBIBYTE = 1024 * 1024
NOBODY = "99999999-9999-4999-8999-999999999999"


def test_two_registries_that_get_one_fingerprint_at_once_make_one_version(postgresql: Store) -> None:
    with ExitStack() as stack:
        registries = [stack.enter_context(process(postgresql)) for _ in range(2)]

        def upload(number: int) -> httpx.Response:
            with registries[number % 2].trainer() as trainer:
                return trainer.upload(A, b"model" * 100_000)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(upload, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert postgresql.sql("SELECT count(*) FROM versions") == [(1,)]


def test_two_registries_give_consecutive_versions_each_once(postgresql: Store) -> None:
    with ExitStack() as stack:
        registries = [stack.enter_context(process(postgresql)) for _ in range(2)]

        def upload(number: int) -> int:
            with registries[number % 2].trainer() as trainer:
                version: int = trainer.upload(fingerprint(str(number)), b"%d" % number).json()["version"]
                return version

        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(upload, range(24))) == list(range(1, 25))


def test_another_detectors_upload_does_not_wait_for_a_slow_one(postgresql: Store) -> None:
    async def run() -> list[str]:
        order = []
        async with connected(postgresql.url) as found:
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


def test_killed_while_it_stores_a_model_it_has_all_of_it_or_nothing(server: Postgres, postgresql: Store) -> None:
    content = b"".join(bytes([number]) * MEBIBYTE for number in range(48))
    database_name = make_url(postgresql.url).database
    assert database_name is not None

    def kill_when_it_stores(registry: Process) -> None:
        while registry.popen.poll() is None:
            if server.sql(STORING, database_name) != [["0"]]:
                registry.popen.kill()
                return

    with process(postgresql) as registry:
        killer = threading.Thread(target=kill_when_it_stores, args=(registry,))
        killer.start()
        with registry.trainer() as trainer, pytest.raises(httpx.TransportError):
            trainer.upload(A, content)
        registry.popen.wait(30)
        killer.join()
    with running(postgresql.settings) as again, again.trainer() as trainer:
        assert trainer.detector(f"/fingerprints/{A}").status_code == 404
        retried = trainer.upload(A, content)
        assert retried.json()["version"] == 1
        assert trainer.detector(f"/models/{retried.json()['digest']}").content == content
    assert postgresql.sql("SELECT count(*), sum(length(content)) FROM chunks") == [(48, 48 * MEBIBYTE)]


def test_two_registries_hear_of_living_detectors_at_once_and_forget_each_once(postgresql: Store) -> None:
    with ExitStack() as stack:
        registries = [stack.enter_context(running(postgresql.settings)) for _ in range(2)]
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
    assert postgresql.sql("SELECT count(*) FROM detectors") == [(0,)]
    assert postgresql.sql("SELECT count(*) FROM chunks") == [(0,)]
