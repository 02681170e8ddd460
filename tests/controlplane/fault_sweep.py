"""The API server fails in every way, on every verb and kind, and watches lie: in the end nothing of it can be seen."""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tests.controlplane.crash_sweep import once
from tests.controlplane.lives import Left, Worlds
from tests.controlplane.scripted_proxy import (
    Asked,
    EndOfStream,
    Forward,
    Hang,
    Lose,
    Reply,
    Reset,
    Stream,
    Treatment,
)

Target = tuple[str, str]
"""Verb and kind."""

WAYS: Mapping[str, Treatment] = {
    "409": Reply(409),
    "429, Retry-After: 1": Reply(429, {"Retry-After": "1"}),
    "500": Reply(500),
    "504": Reply(504),
    "no answer": Hang(),
    "connection reset": Reset(),
    "applied, reply lost": Lose(),
}
LIES = (
    "dropped",
    "twice",
    "late",
    "in another order",
    "stale",
    "410 in the stream",
    "500 in the stream",
    "410 for the watch",
)
WINDOW = 5.0
_EVENTS = ("ADDED", "MODIFIED", "DELETED")
_SAID_IN_STREAM = {
    "410 in the stream": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410},
    "500 in the stream": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500},
}


@dataclass
class FailingOn:
    """The first requests to each of the targets fail in one way."""

    way: str
    targets: Sequence[Target]
    times: int = 2
    failed: Counter[Target] = field(default_factory=Counter)

    async def treat(self, asked: Asked) -> Treatment:
        target = asked.verb, asked.kind
        if target not in self.targets or self.failed[target] >= self.times:
            return Forward()
        self.failed[target] += 1
        return WAYS[self.way]

    def stream(self, _: Asked) -> Stream | None:
        return None


@dataclass
class Outage:
    """Everything fails in one way, from `begin` until the outage has lasted for its time."""

    way: str
    seconds: float
    until: float = 0.0
    asked: int = 0
    """Requests during the outage."""

    def begin(self) -> None:
        """From now on."""
        self.until = time.monotonic() + self.seconds

    async def treat(self, asked: Asked) -> Treatment:
        if asked.moment >= self.until:
            return Forward()
        self.asked += 1
        return WAYS[self.way]

    def stream(self, _: Asked) -> Stream | None:
        return None


@dataclass
class LyingWatches:
    """Some events of every watch are treated in one way; bookmarks, by which a watch says that it lives, are not."""

    way: str
    seed: int
    share: float = 0.3
    lies: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - repeatable, no secret

    async def treat(self, asked: Asked) -> Treatment:
        if asked.verb == "watch" and self.way == "410 for the watch" and self.lies_now():
            return Reply(410)
        return Forward()

    def stream(self, _: Asked) -> Stream | None:
        return LyingStream(self)

    def lies_now(self) -> bool:
        """Whether this one is treated."""
        lie = self._chance.random() < self.share
        self.lies += lie
        return lie


@dataclass
class LyingStream:
    """One watch."""

    of: LyingWatches
    held: deque[bytes] = field(default_factory=deque)
    before: bytes = b""

    async def passed(self, event: bytes) -> AsyncIterator[bytes]:
        kind = json.loads(event)["type"]
        if kind not in _EVENTS or not self.of.lies_now():
            yield event
            while self.held:
                yield self.held.popleft()
            self.before = event if kind in _EVENTS else self.before
            return
        match self.of.way:
            case "twice":
                yield event * 2
            case "late":
                await asyncio.sleep(0.5)
                yield event
            case "in another order":
                self.held.append(event)  # follows the next event; and the next bookmark at the latest
            case "stale":
                yield event + self.before
            case "410 in the stream" | "500 in the stream" as way:
                error = {"type": "ERROR", "object": _SAID_IN_STREAM[way]}
                yield json.dumps(error, separators=(",", ":")).encode() + b"\n"  # as the API server writes it
                raise EndOfStream
            case "410 for the watch":
                raise EndOfStream
            case _:
                assert self.of.way == "dropped"


@dataclass(frozen=True, slots=True)
class Converged:
    """A life that came out as one without faults."""

    way: str
    targets: Sequence[Target]
    faults: int
    starts: int
    """Processes that it took."""
    busiest: float
    """Requests a second in its busiest five seconds."""
    seconds: float


@dataclass(frozen=True)
class FaultSweep:
    """Lives, of which several run at a time."""

    worlds: Worlds
    reference: Left
    parallel: int = 4
    active: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "active", asyncio.Semaphore(self.parallel))

    async def failing(self, failures: Iterable[FailingOn]) -> list[Converged]:
        """One life for each. Raises AssertionError, as a group, for those that came out otherwise."""
        return await self._all((script, script.way, script.targets) for script in failures)

    async def lying(self, lies: Iterable[LyingWatches]) -> list[Converged]:
        """One life for each."""
        return await self._all((script, script.way, ()) for script in lies)

    async def _all(self, scripts: Iterable[tuple[FailingOn | LyingWatches, str, Sequence[Target]]]) -> list[Converged]:
        async with asyncio.TaskGroup() as tasks:
            lives = [tasks.create_task(self._live(*script)) for script in scripts]
        return [life.result() for life in lives]

    async def _live(self, script: FailingOn | LyingWatches, way: str, targets: Sequence[Target]) -> Converged:
        async with AsyncExitStack() as life:
            turn = await life.enter_async_context(AsyncExitStack())
            await turn.enter_async_context(self.active)
            started = time.monotonic()
            try:
                world = await life.enter_async_context(self.worlds.world(script, audit_seconds=2))
                await once(world, self.reference.children)
                seconds = time.monotonic() - started
                await turn.aclose()
                await world.delete()
            except BaseException as error:
                error.add_note(f"{way} on {targets}: {script}")
                raise
        faults = script.lies if isinstance(script, LyingWatches) else script.failed.total()
        return Converged(way, targets, faults, world.operator.starts, busiest(world.proxy.asked), seconds)


async def outage(worlds: Worlds, way: str, seconds: float) -> tuple[float, float]:
    """Everything fails while a detector that is served lacks a child.

    Requests a second meanwhile; and the seconds from the end of the outage until the child is there again.
    """
    script = Outage(way, seconds)
    async with worlds.world(script, audit_seconds=2) as world:
        await world.apply()
        await world.until_ready(1)
        whole = await world.children()
        script.begin()
        await world.lose_service()
        await asyncio.sleep(script.until - time.monotonic())  # the outage is what is waited for
        await world.until_children(whole)
        return script.asked / seconds, time.monotonic() - script.until


def busiest(asked: Sequence[Asked]) -> float:
    """Requests a second in the five seconds that had most of them."""
    most, first = 0, 0
    for last, request in enumerate(asked):
        while request.moment - asked[first].moment > WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most / WINDOW


def targets(worlds_asked: Iterable[Asked]) -> list[Target]:
    """Every verb and kind that a life asks for."""
    return sorted({(asked.verb, asked.kind) for asked in worlds_asked})


def grouped(found: Sequence[Target], size: int, seed: int) -> list[list[Target]]:
    """The targets, some to a life."""
    shuffled = random.Random(seed).sample(found, len(found))  # noqa: S311 - repeatable, no secret
    return [shuffled[first : first + size] for first in range(0, len(shuffled), size)]
