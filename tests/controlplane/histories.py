"""What users, controllers, vandals and failing machines do to a detector, in any order."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from tests.cluster.control_plane import ControlPlane
from tests.controlplane.administrator import until
from tests.controlplane.fault_sweep import WAYS, Outage
from tests.controlplane.lives import NAME, STEP_SECONDS, Children, World, Worlds, worlds
from tests.unit.inference.registry.harness import running, settings_for

from pynomaly_operator.desired.labels import RETRAIN
from pynomaly_operator.manifest import CHILDREN, DETECTOR, Kind, Manifest

OUTAGE_SECONDS = 1.0
_LOST = {
    "Service": NAME,
    "Deployment": NAME,
    "ConfigMap": f"{NAME}-serving",
    "NetworkPolicy": f"{NAME}-serving",
    "Secret": f"{NAME}-api-keys",
}
_SCRIBBLES: dict[str, Manifest] = {
    "Service": {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": "http"}]}},
    "Deployment": {"spec": {"replicas": 3, "template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
    "ConfigMap": {"data": {"serving.json": "{}"}},
    "NetworkPolicy": {"spec": {"ingress": []}},
}


@dataclass
class History:
    """A world, and what its detector's users asked for last."""

    world: World
    outage: Outage
    spec: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    async def edit(self, spec: Manifest, annotations: Manifest) -> None:
        """A user edits the detector."""
        self.spec |= spec
        self.annotations |= annotations
        await self.world.apply(spec, annotations)

    async def make_again(self) -> None:
        """A user deletes the detector, and makes it again at once."""
        self.annotations.clear()
        await self.world.api.delete(DETECTOR, NAME)
        await until(self._gone, within=STEP_SECONDS, what="the detector to be deleted")
        await self.world.apply(self.spec)

    async def _gone(self) -> bool:
        return await self.world.api.get(DETECTOR, NAME) is None


@dataclass(frozen=True)
class Act:
    """Something that somebody does. Its name is what a failing example shows."""

    name: str
    do: Callable[[History], Awaitable[object]] = field(repr=False)


def _edit(name: str, spec: Manifest, annotations: Manifest | None = None) -> Act:
    return Act(name, lambda history: history.edit(spec, annotations or {}))


def _replicas(least: int, most: int | None) -> Act:
    return _edit(f"replicas {least} to {most}", {"serving": {"replicas": {"min": least, "max": most}}})


def _lose(kind: Kind) -> Act:
    return Act(f"lose {kind.name}", lambda history: history.world.api.delete(kind, _LOST[kind.name]))


def _scribble(kind: Kind) -> Act:
    patch = _SCRIBBLES[kind.name]
    return Act(f"scribble on {kind.name}", lambda history: history.world.api.merge(kind, _LOST[kind.name], patch))


def _fail(way: str) -> Act:
    async def begin(history: History) -> None:
        history.outage.way = way
        history.outage.begin()

    return Act(f"everything fails: {way}", begin)


_ACTS = st.one_of(
    st.sampled_from([0.05, 0.1, 0.2]).map(lambda share: _edit(f"contamination {share}", {"contamination": share})),
    st.sampled_from([(1, None), (2, None), (1, 4), (2, 3)]).map(lambda bounds: _replicas(*bounds)),
    st.sampled_from(["once", "twice"]).map(lambda value: _edit(f"retrain {value}", {}, {RETRAIN: value})),
    st.sampled_from(sorted(_LOST)).map(lambda kind: _lose(CHILDREN[kind])),
    st.sampled_from(sorted(_SCRIBBLES)).map(lambda kind: _scribble(CHILDREN[kind])),
    st.sampled_from([way for way in WAYS if way != "no answer"]).map(_fail),
    st.just(Act("kill the operator", lambda history: history.world.operator.kill())),
    st.just(Act("make the detector again", History.make_again)),
    st.sampled_from([0.1, 0.5, 2.0]).map(lambda seconds: Act(f"wait {seconds} s", lambda _: asyncio.sleep(seconds))),
)

HISTORIES = st.lists(_ACTS, min_size=3, max_size=8)


def ends_as_if_made_now(plane: ControlPlane, folder: Path, acts: list[Act]) -> None:
    """Raises AssertionError unless the children are, in the end, those of a detector made now as it was last asked."""

    async def live() -> None:
        with running(settings_for(folder / "registry.db")) as registry:
            async with worlds(plane, registry, folder) as made:
                await _live(made, acts)

    asyncio.run(live())


async def _live(made: Worlds, acts: list[Act]) -> None:
    outage = Outage("500", OUTAGE_SECONDS)
    async with made.world(outage, audit_seconds=2) as world:
        history = History(world, outage)
        await history.edit({}, {})
        for act in acts:
            await act.do(history)
        expected = await _made_now(made, history)
        await world.until_ready()
        await world.until_alike(expected, comparable)


async def _made_now(made: Worlds, history: History) -> Children:
    async with made.world() as twin:
        await twin.apply(history.spec, history.annotations)
        await twin.until_ready(1)
        return comparable(await twin.children())


def comparable(children: Children) -> Children:
    """Without what may differ: Jobs that were needed, the model's number, and pods that an autoscaler may set."""
    found = {name: deepcopy(dict(child)) for name, child in children.items() if not name.startswith("Job/")}
    serving = found.get(f"ConfigMap/{NAME}-serving")
    if serving is not None:
        content = json.loads(serving["data"]["serving.json"])
        serving["data"] = {**content, "stable": {**(content.get("stable") or {}), "version": None}}
    if f"HorizontalPodAutoscaler/{NAME}" in found and f"Deployment/{NAME}" in found:
        found[f"Deployment/{NAME}"]["spec"]["replicas"] = None
    return dict(found)
