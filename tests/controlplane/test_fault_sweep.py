"""Whatever fails or lies, for a while or at one place, the end is the same; `make soak` tries every place."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.controlplane import crash_sweep, fault_sweep
from tests.controlplane.fault_sweep import LIES, WAYS, FailingOn, FaultSweep, LyingWatches
from tests.controlplane.lives import Worlds, worlds
from tests.unit.inference.registry.harness import running, settings_for

SEED = 20260106
TARGETS = 3
OUTAGE_SECONDS = 6
OUTAGE_REQUESTS = 10
"""A second, at the most, while everything fails: of nine watches, of lists, of one detector and of the Lease."""
MOST_REQUESTS = 40
"""A second, at the most, over five seconds of a life with faults; one without has about 20."""
Answer = TypeVar("Answer")


def _beside(plane: ControlPlane, folder: Path, act: Callable[[Worlds], Awaitable[Answer]]) -> Answer:
    async def acting() -> Answer:
        with running(settings_for(folder / "registry.db")) as registry:
            async with worlds(plane, registry, folder) as made:
                return await act(made)

    return asyncio.run(acting())


def test_faults_on_any_verb_and_kind_leave_what_a_life_without_them_does(plane: ControlPlane, tmp_path: Path) -> None:
    async def sweep(made: Worlds) -> list[fault_sweep.Converged]:
        reference = await crash_sweep.uninterrupted(made)
        chance = random.Random(SEED)  # noqa: S311 - repeatable, no secret
        found = fault_sweep.targets(reference.asked)
        failures = [FailingOn(way, chance.sample(found, TARGETS), times=1) for way in WAYS]
        taken = FailingOn("409", [("create", "secrets")], times=TARGETS)  # no Secret without a key
        return await FaultSweep(made, reference).failing([*failures, taken])

    for life in _beside(plane, tmp_path, sweep):
        assert life.faults == TARGETS, life
        assert life.busiest <= MOST_REQUESTS, life


def test_watches_that_lie_leave_what_honest_ones_do(plane: ControlPlane, tmp_path: Path) -> None:
    async def sweep(made: Worlds) -> list[fault_sweep.Converged]:
        reference = await crash_sweep.uninterrupted(made)
        return await FaultSweep(made, reference).lying(LyingWatches(lie, SEED) for lie in LIES)

    for life in _beside(plane, tmp_path, sweep):
        assert life.faults > 0, life
        assert life.starts == 1, life
        assert life.busiest <= MOST_REQUESTS, life


@pytest.mark.parametrize("way", ["500", "no answer", "connection reset"])
def test_while_everything_fails_requests_are_few_and_a_lost_child_is_back_soon_after(
    plane: ControlPlane, tmp_path: Path, way: str
) -> None:
    requests, seconds = _beside(plane, tmp_path, lambda made: fault_sweep.outage(made, way, OUTAGE_SECONDS))

    assert requests <= OUTAGE_REQUESTS
    assert seconds <= 60, "a write that is not answered ends with its fence, and a watch when it was silent for 70 s"
