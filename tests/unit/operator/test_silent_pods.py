"""Pods that do not answer hold few workers, and the others are asked as ever."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pynomaly_operator.pod_report import PodReport
from pynomaly_operator.silent_pods import ASKED_AT_ONCE, SLOW_SECONDS, FewSilent

REPORT = PodReport.model_validate({"stable": {"version": 2, "digest": "d"}})
TIMEOUT = 2.0


@dataclass
class Answering:
    """Pods that wait for the test to answer in their place, and the clock by which they wait."""

    now: float = 0.0
    waiting: dict[str, asyncio.Future[PodReport | None]] = field(default_factory=dict)

    async def report(self, address: str) -> PodReport | None:
        """What the test answers."""
        self.waiting[address] = asyncio.get_running_loop().create_future()
        try:
            return await self.waiting[address]
        finally:
            del self.waiting[address]

    async def answer(self, report: PodReport | None, after: float) -> None:
        """The answer of all that wait, so many seconds later."""
        self.now += after
        for waiting in list(self.waiting.values()):
            waiting.set_result(report)
        await _everything()


SILENT = [f"10.0.0.{number}" for number in range(100)]


def test_of_pods_that_were_silent_few_are_asked_at_once_and_the_others_do_not_answer_now() -> None:
    async def scenario(pods: Answering, few: FewSilent) -> None:
        first = await _asked(few, SILENT)
        assert len(pods.waiting) == len(SILENT), "nobody knows yet which are silent"
        await pods.answer(None, TIMEOUT)
        assert [task.result() for task in first] == [None] * len(SILENT)

        again = await _asked(few, SILENT)

        assert list(pods.waiting) == SILENT[:ASKED_AT_ONCE]
        assert [task.result() for task in again[ASKED_AT_ONCE:]] == [None] * (len(SILENT) - ASKED_AT_ONCE)
        (other,) = await _asked(few, ["10.0.1.1"])
        await pods.answer(REPORT, 0)
        assert other.result() == REPORT, "another is asked as ever"
        await _asked(few, SILENT)
        assert list(pods.waiting) == SILENT[: 2 * ASKED_AT_ONCE], "those that answered are silent no more"

    _run(scenario)


def test_a_pod_that_refuses_at_once_as_it_starts_is_not_silent() -> None:
    async def scenario(pods: Answering, few: FewSilent) -> None:
        await _asked(few, SILENT)
        await pods.answer(None, SLOW_SECONDS)

        await _asked(few, SILENT)

        assert list(pods.waiting) == SILENT

    _run(scenario)


def test_a_question_that_is_given_up_makes_room_for_another() -> None:
    async def scenario(pods: Answering, few: FewSilent) -> None:
        await _asked(few, SILENT)
        await pods.answer(None, TIMEOUT)
        tasks = await _asked(few, SILENT[:ASKED_AT_ONCE])
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

        await _asked(few, SILENT[-1:])

        assert list(pods.waiting) == SILENT[-1:]

    _run(scenario)


def test_no_more_than_the_latest_silent_pods_are_remembered() -> None:
    async def scenario(pods: Answering, _: FewSilent) -> None:
        few = FewSilent(pods, lambda: pods.now, most=len(SILENT) - 1)
        await _asked(few, SILENT)
        await pods.answer(None, TIMEOUT)

        await _asked(few, [*SILENT[-ASKED_AT_ONCE:], SILENT[0], SILENT[1]])

        assert list(pods.waiting) == [*SILENT[-ASKED_AT_ONCE:], SILENT[0]]

    _run(scenario)


async def _asked(few: FewSilent, addresses: Sequence[str]) -> "list[asyncio.Task[PodReport | None]]":
    tasks = [asyncio.create_task(few.report(address)) for address in addresses]
    await _everything()
    return tasks


async def _everything() -> None:
    """Returns when every task has gone as far as it can without the test."""
    for _ in range(10):
        await asyncio.sleep(0)


def _run(scenario: Callable[[Answering, FewSilent], Awaitable[None]]) -> None:
    async def run() -> None:
        pods = Answering()
        await scenario(pods, FewSilent(pods, lambda: pods.now))

    asyncio.run(run())
