"""The operator is killed at its N-th request, and started again: nothing of it can be seen in the end."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tests.controlplane.lives import Children, Left, World, Worlds, lived
from tests.controlplane.scripted_proxy import Asked, Forward, Lose, Reset, Stream, Treatment

BEFORE, AFTER = "before", "after"
"""The API server never hears of the request; or it has answered, and the operator never hears of it."""


@dataclass(frozen=True, order=True, slots=True)
class Point:
    """When to kill."""

    number: int
    side: str


@dataclass
class CrashAt:
    """The script of one life."""

    point: Point
    kill: Callable[[], Awaitable[None]] | None = None
    hit: Asked | None = None

    async def treat(self, asked: Asked) -> Treatment:
        if asked.number != self.point.number:
            return Forward()
        assert self.kill is not None
        self.hit = asked
        if self.point.side == AFTER:
            return Lose(self.kill)
        await self.kill()
        return Reset()

    def stream(self, _: Asked) -> Stream | None:
        return None


@dataclass(frozen=True, slots=True)
class Survived:
    """A life in which all was as it should be."""

    point: Point
    hit: Asked | None
    """None: this life ended before so many requests."""
    seconds: float


@dataclass(frozen=True)
class CrashSweep:
    """Lives, of which several run at a time."""

    worlds: Worlds
    reference: Children
    parallel: int = 4
    active: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "active", asyncio.Semaphore(self.parallel))

    async def over(self, points: Iterable[Point]) -> list[Survived]:
        """One life for each point. Raises AssertionError, as a group, for those that came out otherwise."""
        async with asyncio.TaskGroup() as tasks:
            lives = [tasks.create_task(self._live(point), name=f"{point}") for point in points]
        return [life.result() for life in lives]

    async def _live(self, point: Point) -> Survived:
        script, started = CrashAt(point), time.monotonic()
        async with AsyncExitStack() as life:
            turn = await life.enter_async_context(AsyncExitStack())
            await turn.enter_async_context(self.active)
            world = await life.enter_async_context(self.worlds.world(script))
            script.kill = world.operator.kill
            try:
                await once(world, self.reference)
                await turn.aclose()  # the garbage collector takes its time, and nobody's processor
                await world.delete()
            except BaseException as error:
                error.add_note(f"killed at {point}, which was {script.hit}")
                raise
            assert world.operator.starts == (1 if script.hit is None else 2), "it ended by itself"
        return Survived(point, script.hit, time.monotonic() - started)


async def uninterrupted(worlds: Worlds) -> Left:
    """What a life leaves that nobody disturbs."""
    async with worlds.world() as world:
        return await once(world, None)


async def once(world: World, expected: Children | None) -> Left:
    """A life in which all that must happen once did."""
    left = await lived(world, expected)
    assert left.keys == 1, "the API key was replaced"
    assert world.proxy.created.count(("secrets", "")) == 1
    assert sorted(left.jobs.values()) == [1, 1], f"Jobs by fingerprint: {left.jobs}"
    assert sorted(left.versions) == sorted(left.jobs), f"versions of the fingerprints {left.versions}"
    return left


def every(requests: int) -> list[Point]:
    """All points of a life of so many requests."""
    return [Point(number, side) for number in range(1, requests + 1) for side in (BEFORE, AFTER)]


def some(requests: int, count: int, seed: int) -> list[Point]:
    """So many points, one from each part of a life, on both sides by turns."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    bounds = [1 + requests * part // count for part in range(count + 1)]
    return [
        Point(chance.randrange(first, after), (BEFORE, AFTER)[part % 2])
        for part, (first, after) in enumerate(itertools.pairwise(bounds))
    ]


def summary(survived: Sequence[Survived]) -> list[tuple[str, str, str]]:
    """Request, lives that it was the last one of: before, after."""
    hits: dict[str, dict[str, int]] = {}
    for life in survived:
        what = "not reached" if life.hit is None else f"{life.hit.verb} {life.hit.kind}"
        counts = hits.setdefault(what, {BEFORE: 0, AFTER: 0})
        counts[life.point.side] += 1
    return [(what, str(counts[BEFORE]), str(counts[AFTER])) for what, counts in sorted(hits.items())]
