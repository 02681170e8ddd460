"""What vanishes while a watch has lost its place is told by nobody."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.controlplane.lives import Worlds, worlds
from tests.controlplane.scripted_proxy import Asked, EndOfStream, Forward, Stream, Treatment
from tests.unit.inference.registry.harness import running, settings_for

from pynomaly_operator.manifest import SERVICE

EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
MADE_GOOD_WITHIN = 60.0
AUDIT_SECONDS = 3600


@dataclass
class Gap:
    """A watch of Services whose resourceVersion expires in the moment in which one is deleted."""

    lost: int = 0

    async def treat(self, _: Asked) -> Treatment:
        return Forward()

    def stream(self, asked: Asked) -> Stream | None:
        return _GapStream(self) if asked.kind == SERVICE.plural else None


@dataclass
class _GapStream:
    of: Gap

    async def passed(self, event: bytes) -> AsyncIterator[bytes]:
        if json.loads(event)["type"] != "DELETED":
            yield event
            return
        self.of.lost += 1
        yield json.dumps({"type": "ERROR", "object": EXPIRED}, separators=(",", ":")).encode() + b"\n"
        raise EndOfStream


def test_a_child_that_is_deleted_while_its_watch_begins_anew_is_soon_back(plane: ControlPlane, tmp_path: Path) -> None:
    gap = Gap()

    async def lose(made: Worlds) -> float:
        async with made.world(gap, audit_seconds=AUDIT_SECONDS) as world:
            await world.apply()
            await world.until_ready(1)
            whole = await world.children()
            began = time.monotonic()
            await world.lose_service()
            await world.until_children(whole)
            return time.monotonic() - began

    async def scenario() -> float:
        with running(settings_for(tmp_path / "registry.db")) as registry:
            async with worlds(plane, registry, tmp_path) as made:
                return await lose(made)

    assert asyncio.run(scenario()) <= MADE_GOOD_WITHIN
    assert gap.lost == 1
