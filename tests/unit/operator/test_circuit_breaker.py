"""A registry that hangs holds one worker, and the detectors that do not need it go on."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.circuit_breaker import SLOW_SECONDS, CircuitBreaker
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import RegistryUnavailable
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.store import Key
from pynomaly_operator.workqueue import WorkQueue

DETECTORS, WORKERS = 1000, 16
TIMEOUT = 10.0
DETECTOR = Identity("plant-a", "shuttle", "00000000-0000-4000-8000-000000000002")


@dataclass
class Hanging:
    """A registry whose questions wait until the test ends them, and the clock by which they wait."""

    now: float = 0.0
    questions: dict[asyncio.Future[ModelStatus | None], str] = field(default_factory=dict)
    """Those that wait, and what is asked."""

    async def recorded(self, _: Identity, fingerprint: str) -> ModelStatus | None:
        """What the test answers."""
        return await self._waits(fingerprint)

    async def version(self, _: Identity, number: int) -> ModelStatus | None:
        """What the test answers."""
        return await self._waits(str(number))

    async def _waits(self, asked: str) -> ModelStatus | None:
        question: asyncio.Future[ModelStatus | None] = asyncio.get_running_loop().create_future()
        self.questions[question] = asked
        try:
            return await question
        finally:
            del self.questions[question]

    @property
    def oldest(self) -> asyncio.Future[ModelStatus | None]:
        """The question that has waited longest."""
        return next(iter(self.questions))

    async def time_out(self) -> None:
        """Every question that waits has waited for too long."""
        self.now += TIMEOUT
        for question in list(self.questions):
            question.set_exception(RegistryUnavailable("no answer"))
        await _everything()

    async def answer(self) -> None:
        """There is nothing of what was asked first."""
        self.oldest.set_result(None)
        await _everything()


def test_a_registry_that_hangs_holds_one_worker_and_a_thousand_detectors_that_ask_it_delay_no_other() -> None:
    async def scenario(registry: Hanging, breaker: CircuitBreaker) -> None:
        passed = set[str]()

        async def reconcile(key: Key) -> float | None:
            await asyncio.sleep(0)  # a pass also waits for the API server
            if key != ("plant-a", "quiet"):
                with suppress(RegistryUnavailable):
                    await breaker.recorded(Identity(*key, key[1]), "fingerprint")
            passed.add(key[1])
            return None

        queue = WorkQueue(reconcile, Metrics())
        for number in range(DETECTORS):
            queue.add(("plant-a", f"silent-{number}"))
        queue.add(("plant-a", "quiet"))
        working = asyncio.create_task(queue.run(WORKERS))
        await _everything()
        assert len(registry.questions) == WORKERS

        await registry.time_out()

        assert len(registry.questions) == 1
        assert len(passed) == DETECTORS, "all but the one that waits"
        assert "quiet" in passed
        working.cancel()
        await asyncio.wait([working])

    _run(scenario)


def test_after_a_silence_each_answer_lets_one_more_question_through_at_a_time() -> None:
    async def scenario(registry: Hanging, breaker: CircuitBreaker) -> None:
        asked = [_ask(breaker)]
        await _everything()
        await registry.time_out()

        for most in (1, 2, 3):
            asked += [_ask(breaker) for _ in range(10)]
            await _everything()
            assert len(registry.questions) == most
            await registry.answer()
            for _ in range(most - 1):
                registry.oldest.cancel()
                await _everything()

        assert sum(isinstance(task.exception(), RegistryUnavailable) for task in asked if not task.cancelled()) == 25

    _run(scenario)


@pytest.mark.parametrize("seconds", [0, SLOW_SECONDS])
def test_a_registry_that_refuses_at_once_is_asked_by_all(seconds: float) -> None:
    async def scenario(registry: Hanging, breaker: CircuitBreaker) -> None:
        first = _ask(breaker)
        await _everything()
        registry.now += seconds
        registry.oldest.set_exception(RegistryUnavailable("connection refused"))
        await asyncio.wait([first])
        assert isinstance(first.exception(), RegistryUnavailable)

        asked = [_ask(breaker) for _ in range(3)]
        await _everything()

        assert len(registry.questions) == 3
        await registry.time_out()
        assert all(isinstance(task.exception(), RegistryUnavailable) for task in asked)

    _run(scenario)


def test_a_question_that_is_given_up_makes_room_for_another_also_for_one_by_number() -> None:
    async def scenario(registry: Hanging, breaker: CircuitBreaker) -> None:
        first = _ask(breaker)
        await _everything()
        await registry.time_out()
        assert first.exception() is not None
        second = _ask(breaker)
        await _everything()
        second.cancel()
        await asyncio.wait([second])

        third = asyncio.create_task(breaker.version(DETECTOR, 1))
        await _everything()
        assert list(registry.questions.values()) == ["1"]
        with pytest.raises(RegistryUnavailable, match=r"^no answer$"):
            await breaker.version(DETECTOR, 2)
        await registry.answer()
        assert third.result() is None

    _run(scenario)


def _ask(breaker: CircuitBreaker) -> "asyncio.Task[ModelStatus | None]":
    return asyncio.create_task(breaker.recorded(DETECTOR, "fingerprint"))


async def _everything() -> None:
    """Returns when every task has gone as far as it can without the test."""
    for _ in range(4 * DETECTORS):
        await asyncio.sleep(0)


def _run(scenario: Callable[[Hanging, CircuitBreaker], Awaitable[None]]) -> None:
    async def run() -> None:
        registry = Hanging()
        await scenario(registry, CircuitBreaker(registry, lambda: registry.now))

    asyncio.run(run())
