"""Killed at any request, the operator takes up where it was; `make soak` kills it at every one."""

import asyncio
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.controlplane import crash_sweep
from tests.controlplane.crash_sweep import AFTER, BEFORE, CrashSweep
from tests.controlplane.lives import worlds
from tests.unit.inference.registry.harness import running, settings_for

SEED = 20260105
LIVES = 10


def test_an_operator_that_is_killed_at_its_nth_request_leaves_what_an_uninterrupted_one_does(
    plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def sweep() -> tuple[int, list[crash_sweep.Survived]]:
        with running(settings_for(tmp_path / "registry.db")) as registry:
            async with worlds(plane, registry, tmp_path) as made:
                reference = await crash_sweep.uninterrupted(made)
                points = crash_sweep.some(len(reference.asked), LIVES, SEED)
                return len(reference.asked), await CrashSweep(made, reference.children).over(points)

    requests, survived = asyncio.run(sweep())

    with capsys.disabled():
        print(f"\na life of {requests} requests; killed at {[(s.point.number, s.point.side) for s in survived]}")  # noqa: T201
    assert requests >= 80
    assert {life.point.side for life in survived if life.hit} == {BEFORE, AFTER}
    assert sum(1 for life in survived if life.hit) >= LIVES - 2, "the last points may lie beyond the end of their lives"
