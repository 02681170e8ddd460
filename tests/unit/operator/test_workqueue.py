import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pynomaly_operator.metrics import Metrics
from pynomaly_operator.store import Key
from pynomaly_operator.workqueue import Backoff, WorkQueue

A: Key = ("n", "a")
B: Key = ("n", "b")
Answer = TypeVar("Answer")


def test_waits_double_after_each_failure_up_to_the_longest() -> None:
    backoff = Backoff(first=0.5, longest=3)

    assert [backoff.after(failures) for failures in (1, 2, 3, 4, 1000)] == [0.5, 1, 2, 3, 3]


def test_a_key_that_is_added_while_it_waits_is_worked_on_once() -> None:
    async def scenario() -> list[Key]:
        done: list[Key] = []
        queue = WorkQueue(_noting(done), Metrics())
        for key in (A, A, B, A):
            queue.add(key)
        await _worked(queue)
        return done

    assert _run(scenario) == [A, B]


def test_a_key_that_changes_while_it_is_worked_on_is_worked_on_again_afterwards() -> None:
    async def scenario() -> int:
        passes = 0

        async def reconcile(key: Key) -> None:
            nonlocal passes
            passes += 1
            if passes == 1:
                queue.add(key)
                queue.add(key)

        queue = WorkQueue(reconcile, Metrics())
        queue.add(A)
        await _worked(queue)
        return passes

    assert _run(scenario) == 2


def test_a_key_that_fails_comes_back_and_holds_up_no_other() -> None:
    async def scenario() -> list[Key]:
        done: list[Key] = []

        async def reconcile(key: Key) -> None:
            done.append(key)
            if done == [A]:
                raise RuntimeError("once")

        queue = WorkQueue(reconcile, Metrics(), Backoff(first=0.01))
        queue.add(A)
        queue.add(B)
        await _worked(queue, until=lambda: len(done) == 3)
        return done

    assert _run(scenario) == [A, B, A]


def test_a_key_that_changes_all_the_time_lets_every_other_go_first() -> None:
    quiet: list[Key] = [("n", f"quiet-{number}") for number in range(999)]

    async def scenario() -> list[Key]:
        done: list[Key] = []

        async def reconcile(key: Key) -> None:
            done.append(key)
            if key == A and len(done) == 1:
                for other in quiet:
                    queue.add(other)
            if key == A:
                queue.add(A)  # it changed meanwhile
            await asyncio.sleep(0)

        queue = WorkQueue(reconcile, Metrics())
        queue.add(A)
        await _worked(queue, until=lambda: len(done) > 2 + len(quiet))
        return done

    assert _run(scenario)[: 2 + len(quiet)] == [A, *quiet, A]


def test_an_error_that_says_when_to_try_again_is_heeded() -> None:
    class Busy(Exception):
        retry_after = 0.2

    async def scenario() -> float:
        clock = asyncio.get_running_loop().time
        times: list[float] = []

        async def reconcile(_: Key) -> None:
            times.append(clock())
            if len(times) == 1:
                raise Busy

        queue = WorkQueue(reconcile, Metrics(), Backoff(first=0.001))
        queue.add(A)
        await _worked(queue, until=lambda: len(times) == 2)
        return times[1] - times[0]

    assert _run(scenario) >= 0.19


def test_an_error_may_not_put_a_key_off_for_longer_than_failures_do() -> None:
    class Away(Exception):
        retry_after = 86_400

    async def scenario() -> int:
        tries: list[Key] = []

        async def reconcile(key: Key) -> None:
            tries.append(key)
            if len(tries) == 1:
                raise Away

        queue = WorkQueue(reconcile, Metrics(), Backoff(first=0.001, longest=0.05))
        queue.add(A)
        await _worked(queue, until=lambda: len(tries) > 1)
        return len(tries)

    assert _run(scenario) == 2


def test_a_pass_that_asks_for_another_gets_it_and_a_change_before_that_replaces_it() -> None:
    async def scenario() -> int:
        passes = 0

        async def reconcile(_: Key) -> float | None:
            nonlocal passes
            passes += 1
            return 3600.0 if passes == 1 else None

        queue = WorkQueue(reconcile, Metrics())
        queue.add(A)
        running = asyncio.create_task(queue.run(1))
        await _until(lambda: passes == 1 and queue.idle)
        queue.add(A)
        await _until(lambda: passes == 2 and queue.idle)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return passes

    assert _run(scenario) == 2


def _noting(done: list[Key]) -> Callable[[Key], Awaitable[None]]:
    async def reconcile(key: Key) -> None:
        done.append(key)

    return reconcile


async def _until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not check():  # noqa: ASYNC110 - what is waited for is a state of the queue, which tells nobody
            await asyncio.sleep(0)


async def _worked(queue: WorkQueue, until: Callable[[], bool] | None = None) -> None:
    """Works until the queue is idle, or until the check holds."""
    running = asyncio.create_task(queue.run(1))
    await _until(until or (lambda: queue.idle))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _run(scenario: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    return asyncio.run(scenario())


class QueueMachine(RuleBasedStateMachine):
    """Adds, ends and fails in any order; a pass lasts until the machine ends it. Retries wait beyond the test."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.passes: dict[Key, asyncio.Future[None]] = {}
        self.changed_since_pass: set[Key] = set()
        self.failed: set[Key] = set()
        self.started_twice = False
        self.queue = self._do(self._started())

    async def _started(self) -> WorkQueue:
        queue = WorkQueue(self._reconcile, Metrics(), Backoff(first=3600, longest=3600))
        self.running = asyncio.ensure_future(queue.run(2))
        return queue

    async def _reconcile(self, key: Key) -> None:
        self.started_twice = self.started_twice or key in self.passes
        self.changed_since_pass.discard(key)
        self.failed.discard(key)
        self.passes[key] = self.loop.create_future()
        try:
            await self.passes[key]
        finally:
            del self.passes[key]

    def _do(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return self.loop.run_until_complete(coroutine)

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    @rule(name=st.sampled_from("abcd"))
    def change(self, name: str) -> None:
        async def add() -> None:
            self.changed_since_pass.add(("n", name))
            self.queue.add(("n", name))
            await self._settle()

        self._do(add())

    @precondition(lambda self: self.passes)
    @rule(data=st.data(), fails=st.booleans())
    def end_a_pass(self, data: st.DataObject, fails: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.passes)))
        future = self.passes[key]
        if fails:
            self.failed.add(key)
            future.set_exception(RuntimeError("drawn"))
        else:
            future.set_result(None)
        self._do(self._settle())

    @invariant()
    def no_key_is_worked_on_by_two_workers(self) -> None:
        assert not self.started_twice
        assert len(self.passes) <= 2

    def teardown(self) -> None:
        async def drain() -> None:
            async with asyncio.timeout(5):
                while self.passes or self.changed_since_pass - self.failed:
                    for future in list(self.passes.values()):
                        if not future.done():
                            future.set_result(None)
                    await asyncio.sleep(0)
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)

        # No change is lost: once passes may end, each changed key gets one that begins after the change, but for those
        # that failed, which wait for their retry.
        self._do(drain())
        self.loop.close()


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
