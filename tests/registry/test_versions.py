import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete
from tests.registry.stores import Opening, Store
from tests.unit.inference.registry.harness import INFO, NAMESPACE, OTHER_UID, UID, fingerprint

from pynomaly_inference.registry import artifacts, tables, versions
from pynomaly_inference.registry.contract import DetectorKey, TrainingKey
from pynomaly_inference.registry.publishing import Published, publish, recorded
from pynomaly_inference.registry.spool import Spooled, spooled

T = TypeVar("T")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MOST = 4 * 1024 * 1024
FINGERPRINTS = [fingerprint(letter) for letter in "abcde"]

keys = st.builds(
    lambda uid, wanted: TrainingKey(namespace=NAMESPACE, uid=uid, fingerprint=wanted),
    st.sampled_from([UID, OTHER_UID]),
    st.sampled_from(FINGERPRINTS),
)
contents = st.sampled_from([b"one", b"two", b"three"])
uploads = st.tuples(keys, contents)


class Torn(Exception):
    """The disk failed."""


class TornUpload(Spooled):
    """An upload whose file cannot be read to its end."""

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"o"
        raise Torn


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


class Registry(RuleBasedStateMachine):
    """The registry's database against a list for each detector."""

    opening: ClassVar[Opening]

    @initialize()
    def open(self) -> None:
        self.resources = ExitStack()
        folder = Path(self.resources.enter_context(TemporaryDirectory()))
        self.store = self.resources.enter_context(type(self).opening(folder))
        self.runner = asyncio.Runner()
        self.expected: dict[str, list[tuple[str, str]]] = {UID: [], OTHER_UID: []}
        self.start()

    def start(self) -> None:
        self.database = self.store.database()
        self.run(self.database.prepare())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def upload(self, key: TrainingKey, content: bytes) -> Published:
        async with spooled(once(content), None, MOST) as upload:
            return await publish(self.database, key, upload, INFO, NOW)

    def expect(self, key: TrainingKey, content: bytes, published: Published) -> None:
        """Compares an answer with the list, and brings the list up to date."""
        have = self.expected[key.uid]
        known = [number for number, (wanted, _) in enumerate(have, start=1) if wanted == key.fingerprint]
        assert published.new is (not known)
        if not known:
            have.append((key.fingerprint, hashlib.sha256(content).hexdigest()))
        number = known[0] if known else len(have)
        assert published.version.version == number
        assert (published.version.fingerprint, published.version.digest) == have[number - 1]

    @rule(upload=uploads)
    def one_upload(self, upload: tuple[TrainingKey, bytes]) -> None:
        self.expect(*upload, self.run(self.upload(*upload)))

    @rule(several=st.lists(uploads, min_size=2, max_size=6))
    def uploads_at_once(self, several: list[tuple[TrainingKey, bytes]]) -> None:
        async def all_at_once() -> list[Published]:
            return await asyncio.gather(*(self.upload(*upload) for upload in several))

        answers = list(zip(several, self.run(all_at_once()), strict=True))
        # They may win in any order; the versions that they got say in which.
        for (key, content), published in sorted(
            answers, key=lambda answer: (answer[1].version.version, not answer[1].new)
        ):
            self.expect(key, content, published)

    @rule(key=keys)
    def an_upload_that_fails_halfway(self, key: TrainingKey) -> None:
        if key.fingerprint in [wanted for wanted, _ in self.expected[key.uid]]:
            return

        async def fail() -> None:
            with tempfile.TemporaryFile() as file:
                torn = TornUpload(file, 100, hashlib.sha256(b"torn").digest())
                await publish(self.database, key, torn, INFO, NOW)

        with pytest.raises(Torn):
            self.run(fail())

    @rule(key=keys)
    def an_upload_that_is_cancelled(self, key: TrainingKey) -> None:
        if key.fingerprint in [wanted for wanted, _ in self.expected[key.uid]]:
            return

        async def cancel() -> bool:
            storing = asyncio.Event()

            class Slow(Spooled):
                async def chunks(self) -> AsyncIterator[bytes]:
                    yield b"o"
                    storing.set()
                    await asyncio.Event().wait()

            with tempfile.TemporaryFile() as file:
                slow = Slow(file, 100, hashlib.sha256(b"slow").digest())
                task = asyncio.create_task(publish(self.database, key, slow, INFO, NOW))
                await storing.wait()
                task.cancel()
                await asyncio.wait([task])
                return task.cancelled()

        assert self.run(cancel())

    @rule()
    def restart(self) -> None:
        self.run(self.database.close())
        self.start()

    @rule(key=keys)
    def look_up_a_fingerprint(self, key: TrainingKey) -> None:
        found = self.run(recorded(self.database, key))
        wanted = [pair for pair in self.expected[key.uid] if pair[0] == key.fingerprint]
        assert ([] if found is None else [(found.fingerprint, found.digest)]) == wanted

    @rule(uid=st.sampled_from([UID, OTHER_UID]), digest_of=contents)
    def read_a_model(self, uid: str, digest_of: bytes) -> None:
        key = DetectorKey(namespace=NAMESPACE, uid=uid)
        digest = hashlib.sha256(digest_of).hexdigest()

        async def read() -> bytes | None:
            async with self.database.reading() as connection:
                found = await artifacts.find(connection, key, digest)
            if found is None:
                return None
            return b"".join([piece async for piece in artifacts.content(self.database, found)])

        owned = digest in [have for _, have in self.expected[uid]]
        assert self.run(read()) == (digest_of if owned else None)

    @invariant()
    def the_list_is_what_was_uploaded_newest_first(self) -> None:
        async def listed(uid: str) -> list[tuple[int, str, str]]:
            async with self.database.reading() as connection:
                found = await versions.newest(connection, DetectorKey(namespace=NAMESPACE, uid=uid), 100)
            assert all(version.created == NOW for version in found)
            return [(version.version, version.fingerprint, version.digest) for version in found]

        for uid, have in self.expected.items():
            numbered = [(number, *pair) for number, pair in enumerate(have, start=1)]
            assert self.run(listed(uid)) == numbered[::-1]

    def teardown(self) -> None:
        if not hasattr(self, "resources"):
            return
        self.run(self.database.close())
        self.runner.close()
        self.resources.close()


def test_whatever_is_done_to_it_the_registry_holds_what_was_uploaded(opening: Opening) -> None:
    bounded = settings(
        max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    machine = type("OpenedRegistry", (Registry,), {"opening": staticmethod(opening)})
    run_state_machine_as_test(machine, settings=bounded)


def test_a_version_number_is_not_given_again_when_the_newest_is_gone(store: Store) -> None:
    async def run() -> int:
        database = store.database()
        await database.prepare()
        numbers = []
        for wanted in FINGERPRINTS[:3]:
            key = TrainingKey(namespace=NAMESPACE, uid=UID, fingerprint=wanted)
            async with spooled(once(b"model"), None, MOST) as upload:
                numbers.append((await publish(database, key, upload, INFO, NOW)).version.version)
            async with database.writing(key.subject) as connection:
                await connection.execute(delete(tables.versions))
        await database.close()
        assert numbers == [1, 2, 3]
        return len(numbers)

    assert asyncio.run(run()) == 3
