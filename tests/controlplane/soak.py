"""`make soak`: every point of the sweeps, on a control plane of its own, into docs/reliability.md.

Usage: python -m tests.controlplane.soak [crash] [fault] [watch] [outage] [histories]
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import Phase, given, settings
from tests.cluster import bare
from tests.cluster.control_plane import ControlPlane
from tests.controlplane import crash_sweep, fault_sweep
from tests.controlplane.conftest import CRD
from tests.controlplane.crash_sweep import CrashSweep
from tests.controlplane.fault_sweep import LIES, WAYS, Converged, FailingOn, FaultSweep, LyingWatches
from tests.controlplane.histories import HISTORIES, Act, ends_as_if_made_now
from tests.controlplane.lives import Worlds, worlds
from tests.controlplane.reliability import Table, write
from tests.controlplane.scripted_proxy import Hang
from tests.unit.inference.registry.harness import running, settings_for

PARALLEL = 6
SEED = 20260107
TARGETS = 3
LIARS = 3
OUTAGE_SECONDS = 20
EXAMPLES = 30
HISTORIES_NAME = "histories"


async def crash(made: Worlds) -> Table:
    """The operator is killed at every request of a life, on both sides of it."""
    reference = await crash_sweep.uninterrupted(made)
    started, points = time.monotonic(), crash_sweep.every(len(reference.asked))
    survived = await CrashSweep(made, reference.children, PARALLEL).over(points)
    hit = [life for life in survived if life.hit is not None]
    text = (
        f"N = {len(reference.asked)}: {len(hit)} lives whose operator was killed at its N-th request and started "
        f"again, {len(survived) - len(hit)} that ended before it; {time.monotonic() - started:.0f} s, "
        f"{PARALLEL} lives at a time."
    )
    return Table(text, ("request", "killed before it", "killed after it"), crash_sweep.summary(survived))


async def fault(made: Worlds) -> Table:
    """Every way to fail, on every verb and kind, some of them in one life."""
    reference = await crash_sweep.uninterrupted(made)
    started, found = time.monotonic(), fault_sweep.targets(reference.asked)
    groups = fault_sweep.grouped(found, TARGETS, SEED)
    failures = [FailingOn(way, group, times=1 if WAYS[way] == Hang() else 2) for way in WAYS for group in groups]
    lives = await FaultSweep(made, reference, PARALLEL).failing(failures)
    text = (
        f"{len(found)} pairs of verb and kind, {TARGETS} a life, {len(WAYS)} ways: {len(lives)} lives; "
        f"{time.monotonic() - started:.0f} s, {PARALLEL} lives at a time. Requests are those a second in the busiest "
        f"five seconds; a life without faults has {fault_sweep.busiest(reference.asked):.0f}."
    )
    return Table(text, ("way", "lives", "faults", "processes that ended", "most requests"), _rows(lives))


async def watch(made: Worlds) -> Table:
    """Watches that lie in every way."""
    reference = await crash_sweep.uninterrupted(made)
    lies = [LyingWatches(lie, SEED + number) for lie in LIES for number in range(LIARS)]
    lives = await FaultSweep(made, reference, PARALLEL).lying(lies)
    text = f"{len(lives)} lives, in each of which 30 % of all events of all watches are treated in one way."
    return Table(text, ("way", "lives", "events", "processes that ended", "most requests"), _rows(lives))


async def outage(made: Worlds) -> Table:
    """Everything fails for a while, in every way."""
    rows = []
    for way in WAYS:
        requests, seconds = await fault_sweep.outage(made, way, OUTAGE_SECONDS)
        rows.append((way, f"{requests:.1f}", f"{seconds:.1f} s"))
    text = f"Everything fails for {OUTAGE_SECONDS} s, while a detector that is served lacks a child."
    return Table(text, ("way", "requests a second meanwhile", "child back after the outage"), rows)


def histories(plane: ControlPlane, folder: Path) -> Table:
    """Random sequences of acts of users, controllers, vandals and failing machines."""
    acts: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=(Phase.generate,))
    @given(history=HISTORIES)
    def live(history: list[Act]) -> None:
        acts.update(act.name for act in history)
        ends_as_if_made_now(plane, folder, history)

    live()
    text = f"{EXAMPLES} random histories of {acts.total()} acts, after each of which the children were as if made now."
    return Table(text, ("act", "times"), [(name, str(times)) for name, times in sorted(acts.items())])


def _rows(lives: list[Converged]) -> list[tuple[str, ...]]:
    ways = dict.fromkeys(life.way for life in lives)
    by_way = {way: [life for life in lives if life.way == way] for way in ways}
    return [
        (
            way,
            str(len(same)),
            str(sum(life.faults for life in same)),
            str(sum(life.starts - 1 for life in same)),
            f"{max(life.busiest for life in same):.0f}",
        )
        for way, same in by_way.items()
    ]


SWEEPS: dict[str, Callable[[Worlds], Awaitable[Table]]] = {
    "crash": crash,
    "fault": fault,
    "watch": watch,
    "outage": outage,
}


@contextmanager
def _plane(folder: Path) -> Iterator[ControlPlane]:
    with bare.running(folder) as plane:
        plane.kubectl("apply", "--server-side", f"--filename={CRD}")
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={CRD}")
        yield plane


async def _soak(plane: ControlPlane, folder: Path, names: list[str]) -> None:
    with running(settings_for(folder / "registry.db")) as registry:
        async with worlds(plane, registry, folder) as made:
            for name in names:
                table = await SWEEPS[name](made)
                write(name, table)
                print(f"{name}: {table.text}")  # noqa: T201 - a command's output


def main() -> None:
    """Runs the sweeps that are named, or all."""
    names = sys.argv[1:] or [*SWEEPS, HISTORIES_NAME]
    with tempfile.TemporaryDirectory(prefix="pynomaly-soak-") as folder:
        (Path(folder) / "plane").mkdir()
        with _plane(Path(folder) / "plane") as plane:
            asyncio.run(_soak(plane, Path(folder), [name for name in names if name in SWEEPS]))
            if HISTORIES_NAME in names:
                write(HISTORIES_NAME, histories(plane, Path(folder)))


if __name__ == "__main__":
    main()
