"""What kinds there are is asked before kopf asks, which gives up when it gets no answer; and how kopf gives up."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.controlplane.administrator import until
from tests.controlplane.lives import worlds
from tests.controlplane.scripted_proxy import Asked, Forward, Reply, Stream, Treatment
from tests.unit.inference.registry.harness import running, settings_for


@dataclass
class NoDiscovery:
    """While it lasts, nobody is told what kinds there are."""

    lasts: bool = True
    asked: int = 0

    async def treat(self, asked: Asked) -> Treatment:
        if not self.lasts or asked.kind != "/apis":
            return Forward()
        self.asked += 1
        return Reply(500)

    def stream(self, _: Asked) -> Stream | None:
        return None


def test_an_operator_that_is_told_of_no_kinds_waits_until_it_is(plane: ControlPlane, tmp_path: Path) -> None:
    async def act() -> None:
        script = NoDiscovery()
        with running(settings_for(tmp_path / "registry.db")) as registry:
            async with worlds(plane, registry, tmp_path) as made, made.world(script) as world:

                async def asked_again() -> bool:
                    return script.asked > 2

                await world.apply()
                await until(asked_again, within=60, what="the operator to ask again")
                script.lasts = False
                await world.until_ready(1)
                assert world.operator.starts == 1

    asyncio.run(act())


@dataclass
class Garbage:
    """Once, a watch says what is no event."""

    said: bool = False

    async def treat(self, _: Asked) -> Treatment:
        return Forward()

    def stream(self, asked: Asked) -> Stream | None:
        return self if asked.kind == "deployments" else None

    async def passed(self, event: bytes) -> AsyncIterator[bytes]:
        if not self.said:
            self.said = True
            yield b"not JSON\n"
        yield event


def test_an_operator_whose_watch_is_no_watch_ends_and_the_next_one_does_its_work(
    plane: ControlPlane, tmp_path: Path
) -> None:
    async def act() -> None:
        with running(settings_for(tmp_path / "registry.db")) as registry:
            async with worlds(plane, registry, tmp_path) as made, made.world(Garbage()) as world:

                async def ended() -> bool:
                    return world.operator.starts > 1

                await world.apply()
                await until(ended, within=90, what="the operator to end")
                await world.until_ready(1)

    asyncio.run(act())
