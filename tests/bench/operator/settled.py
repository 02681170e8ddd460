"""N detectors that exist: how fast an edit arrives, a restart, idle minutes, memory."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from tests.bench.operator import detectors
from tests.bench.operator.audited import Answered
from tests.bench.operator.detectors import Place
from tests.bench.operator.processes import Failed, Operator, until
from tests.bench.operator.stage import Stage

EDITS = 200
EDITS_A_SECOND = 10
HOT_EDITS_A_SECOND = 50
HOT_EDIT = 501
"""The number of the first edit beside a hot detector: each then differs in both of its parts from the one before."""
EDITED = frozenset({"deployments", "horizontalpodautoscalers"})
QUIET_SECONDS = 3.0
SETTLE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the arrival of edits at the API server to its answer to the last write that they asked for."""

    sorted_seconds: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """So many of the edits took no longer."""
        return self.sorted_seconds[min(len(self.sorted_seconds) - 1, int(share * len(self.sorted_seconds)))]


@dataclass(frozen=True, slots=True)
class Restart:
    """A new process that finds everything as it is to be."""

    seconds: float
    cpu: float
    writes: int
    reads: dict[str, int]
    """By verb and resource."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Minutes in which nothing changed."""

    seconds: float
    writes: int
    reads: int
    cpu_share: float
    """Of one core."""


def settle(stage: Stage, operator: Operator) -> None:
    """Returns when every detector is ready and nothing has been written for some seconds."""
    deadline = time.monotonic() + SETTLE_SECONDS + stage.count / 10
    while True:
        if not _write_soon(stage, operator) and asyncio.run(_ready(stage)) == stage.count:
            return
        if time.monotonic() > deadline:
            raise Failed(f"{asyncio.run(_ready(stage))} of {stage.count} detectors are ready, and the time is over")


def _write_soon(stage: Stage, operator: Operator) -> bool:
    list(stage.audit.news())
    time.sleep(QUIET_SECONDS)
    operator.process.verify()
    return any(request.user == operator.user and request.write for request in stage.audit.news())


async def _ready(stage: Stage) -> int:
    async with stage.session() as session:
        return await detectors.ready(session)


def latency(stage: Stage, operator: Operator, *, hot: bool) -> Latency:
    """Edits of quiet detectors, one after another; `hot`: beside one that is edited all the time."""
    list(stage.audit.news())
    places = _spread(detectors.places(stage.count)[1:], EDITS)
    asyncio.run(_edit(stage, places, hot=hot))
    settle_deadline = time.monotonic() + SETTLE_SECONDS
    requests: list[Answered] = []
    while True:
        requests += stage.audit.news()
        found = [_answered_within(requests, place, stage, operator) for place in places]
        if None not in found:
            return Latency(tuple(sorted(seconds for seconds in found if seconds is not None)))
        if time.monotonic() > settle_deadline:
            raise Failed(f"{found.count(None)} of {len(places)} edits changed no child in {SETTLE_SECONDS} s")
        time.sleep(0.5)


def _spread(places: list[Place], most: int) -> list[Place]:
    return places[:: max(1, len(places) // most)][:most]


def _answered_within(requests: list[Answered], place: Place, stage: Stage, operator: Operator) -> float | None:
    """Seconds from the edit of this detector until both children were changed; None: not yet."""
    here = [request for request in requests if request.place == place]
    edited = next((r.received for r in here if r.user == stage.editor.user and r.resource == "anomalydetectors"), None)
    if edited is None:
        return None
    ends = {r.resource: r.answered for r in here if r.user == operator.user and r.child and r.received > edited}
    return max(ends[kind] for kind in EDITED) - edited if ends.keys() >= EDITED else None


async def _edit(stage: Stage, places: list[Place], *, hot: bool) -> None:
    async with stage.session() as session, asyncio.TaskGroup() as tasks:
        heating = tasks.create_task(_heat(session)) if hot else None
        for number, place in enumerate(places, HOT_EDIT if hot else 0):
            tasks.create_task(detectors.edit(session, place, number))
            await asyncio.sleep(1 / EDITS_A_SECOND)
        if heating is not None:
            heating.cancel()


async def _heat(session: aiohttp.ClientSession) -> None:
    number = 0
    while True:
        number += 1
        await detectors.edit(session, detectors.places(1)[0], number % 400)
        await asyncio.sleep(1 / HOT_EDITS_A_SECOND)


def restart(stage: Stage, operator: Operator) -> Restart:
    """From the start of this new process until it has looked at every detector, and waits."""
    until(lambda: operator.idle(stage.count), operator.process, SETTLE_SECONDS + stage.count / 10, "to be steady")
    seconds, cpu = time.monotonic() - operator.process.started, operator.process.cpu()
    time.sleep(1)  # for the audit log to tell of the last requests
    asked = [request for request in stage.audit.news() if request.user == operator.user]
    reads = Counter(f"{r.verb} {r.resource}" for r in asked if not r.write and r.resource != "leases")
    return Restart(seconds, cpu, sum(request.write for request in asked), dict(reads))


def idle(stage: Stage, operator: Operator, seconds: float, said: Callable[[str], None]) -> Idle:
    """Nobody does anything for so long."""
    list(stage.audit.news())
    cpu, began, asked = operator.process.cpu(), time.monotonic(), list[Answered]()
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(min(10.0, seconds - passed))
        operator.process.verify()
        asked += [request for request in stage.audit.news() if request.user == operator.user]
    passed, spent = time.monotonic() - began, operator.process.cpu() - cpu
    written = [request for request in asked if request.write]
    if written:
        said(f"written while idle: {Counter(f'{r.verb} {r.resource}' for r in written)}")
    reads = sum(not request.write and request.resource != "leases" for request in asked)
    return Idle(passed, len(written), reads, spent / passed)
