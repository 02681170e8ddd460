"""A keyed queue: a key is in it once, is worked on by one worker at a time, and comes back later after a failure.

Its length needs no bound: a waiting key is one dict entry, and there are no more keys than detectors.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from structlog.contextvars import bound_contextvars

from pynomaly_operator.errors import ApiError
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.store import Key

log = logging.getLogger(__name__)

Reconcile = Callable[[Key], Awaitable[float | None]]
"""One pass for a key; how many seconds later it wants another, or None."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait after failures: twice as long after each, up to the longest."""

    first: float = 0.2
    longest: float = 300.0

    def after(self, failures: int) -> float:
        """The wait after that many failures in a row; one or more."""
        return float(min(self.longest, self.first * 2 ** min(failures - 1, 30)))


class WorkQueue:
    """Needs a running event loop."""

    def __init__(self, reconcile: Reconcile, metrics: Metrics, backoff: Backoff | None = None) -> None:
        self._reconcile = reconcile
        self._metrics = metrics
        self._backoff = backoff or Backoff()
        self._clock = asyncio.get_running_loop().time
        self._ready: deque[Key] = deque()
        self._since: dict[Key, float] = {}
        self._running: dict[Key, float] = {}
        self._working = False
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._available = asyncio.Semaphore(0)
        metrics.queue.watch(self._run_for)

    def add(self, key: Key) -> None:
        """The key is to be reconciled: now, or once more when a pass for it is running."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._since:
            self._since[key] = self._clock()
            self._ready.append(key)
            self._metrics.queue.adds.inc()
            self._metrics.queue.depth.set(len(self._since))
            self._available.release()

    def add_after(self, key: Key, delay: float) -> None:
        """The key is to be reconciled `delay` seconds from now; a later call replaces an earlier one."""
        self._cancel(key)
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self._due, key)

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return len(self._since)

    @property
    def oldest(self) -> float:
        """For how many seconds the key that waits longest has waited for a worker; 0 while there are no workers."""
        return self._clock() - next(iter(self._since.values())) if self._since and self._working else 0.0

    @property
    def longest(self) -> float:
        """For how many seconds the pass that runs longest has run."""
        return max(self._run_for(), default=0.0)

    @property
    def idle(self) -> bool:
        """Whether no key waits for a worker and none is being worked on; timers do not count."""
        return not self._since and not self._running

    async def run(self, workers: int) -> None:
        """Works until cancelled."""
        self._working = True
        self._since = dict.fromkeys(self._since, self._clock())  # before, nobody was there to wait for
        self._metrics.workers.set(workers)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work())
        finally:
            self._working = False
            for key in list(self._timers):
                self._cancel(key)

    def _run_for(self) -> list[float]:
        now = self._clock()
        return [now - started for started in self._running.values()]

    async def _work(self) -> None:
        while True:
            await self._available.acquire()
            key = self._ready.popleft()
            with bound_contextvars(namespace=key[0], detector=key[1]):  # what is logged meanwhile says of whom
                await self._work_on(key)

    async def _work_on(self, key: Key) -> None:
        started = self._clock()
        self._metrics.queue.waited.observe(started - self._since.pop(key))
        self._metrics.queue.depth.set(len(self._since))
        self._running[key] = started
        self._metrics.active_workers.set(len(self._running))
        self._cancel(key)  # this pass is what the timer was for
        try:
            delay = await self._reconcile(key)
        except Exception as error:  # noqa: BLE001 - one poisoned key must not stop the others
            self._failed(key, error)
        else:
            self._done(key, delay)
        finally:
            del self._running[key]
            self._metrics.active_workers.set(len(self._running))
            self._metrics.queue.worked.observe(self._clock() - started)
            self._metrics.reconcile_seconds.observe(self._clock() - started)
        self._take_up_again(key)

    def _failed(self, key: Key, error: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        asked: float | None = getattr(error, "retry_after", None)
        delay = max(self._backoff.after(failures), min(asked or 0.0, self._backoff.longest))
        unforeseen = not isinstance(error, ApiError)
        log.warning("%s/%s: failed, again in %.1f s: %s", *key, delay, error, exc_info=unforeseen and failures == 1)
        self._metrics.reconciled("error")
        self._metrics.queue.retries.inc()
        self.add_after(key, delay)

    def _done(self, key: Key, delay: float | None) -> None:
        self._failures.pop(key, None)
        self._metrics.reconciled("success" if delay is None else "requeue_after")
        if delay is not None:
            self.add_after(key, delay)

    def _take_up_again(self, key: Key) -> None:
        if key not in self._again:
            return
        self._again.discard(key)
        if key not in self._failures:  # a failing key waits its turn, however often it changes
            self.add(key)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
