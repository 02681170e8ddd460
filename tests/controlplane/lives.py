"""A detector's whole life beside one operator behind a proxy, and what is left of it."""

import asyncio
import difflib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from tests.cluster.control_plane import ControlPlane
from tests.controlplane.administrator import Administrator, until
from tests.controlplane.detectors import SPEC
from tests.controlplane.forked_operator import ForkedOperator, Start
from tests.controlplane.scripted_proxy import Asked, Honest, Script, ScriptedProxy, connected
from tests.controlplane.standin_node import StandInNode
from tests.unit.inference.registry.harness import OPERATOR
from tests.unit.inference.registry.harness import Running as Registry

from pynomaly_operator.desired.labels import DESIRED_HASH, MANAGED_SELECTOR, RETRAIN
from pynomaly_operator.manifest import CHILDREN, DETECTOR, SERVICE, Manifest
from pynomaly_operator.settings import Settings

NAME = "shuttle"
EDITED = {"replicas": {"min": 2, "max": 4}}
STEP_SECONDS = 240
"""The longest that one step of a life may take: backoff, three requests of 30 s that hang one after another, and the
Lease of a process that ended."""
_ASSIGNED = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
_NAMESPACE = {"pod-security.kubernetes.io/enforce": "restricted"}

Children = dict[str, Manifest]
"""By kind and name, with everything that differs from one detector to the next replaced by a word."""


@dataclass
class World:
    """One namespace: a detector, an operator behind a proxy, and all that a cluster does by itself."""

    api: Administrator
    proxy: ScriptedProxy
    node: StandInNode
    operator: ForkedOperator
    uids: list[str] = field(default_factory=list)

    async def apply(self, spec: Manifest | None = None, annotations: Manifest | None = None) -> None:
        """Makes the detector, or edits these parts of it."""
        metadata = {"name": NAME, "annotations": annotations or {}}
        body = {"apiVersion": DETECTOR.api_version, "kind": DETECTOR.name, "metadata": metadata}
        if await self.api.merge(DETECTOR, NAME, {"metadata": metadata, "spec": spec or {}}) is None:
            made = await self.api.create(DETECTOR, {**body, "spec": _given({**SPEC, **(spec or {})})})
            assert made is not None
            self.uids.append(made["metadata"]["uid"])

    async def read(self) -> dict[str, Any]:
        """The detector."""
        found = await self.api.get(DETECTOR, NAME)
        assert found is not None
        return found

    async def ready(self, version: int | None = None) -> bool:
        """Whether all that is asked for now is served, with the model of this version."""
        found = await self.read()
        status, generation = found.get("status", {}), found["metadata"]["generation"]
        true = {
            condition["type"]
            for condition in status.get("conditions", ())
            if condition["status"] == "True" and condition["observedGeneration"] == generation
        }
        serves = version is None or status.get("model", {}).get("version") == version
        return serves and {"Ready", "Trained", "Serving"} <= true

    async def until_ready(self, version: int | None = None) -> None:
        """Waits for it."""
        try:
            await until(lambda: self.ready(version), within=STEP_SECONDS, what=f"version {version} to be served")
        except AssertionError as error:
            error.add_note(json.dumps((await self.read()).get("status"), indent=1))
            raise

    async def children(self) -> Children:
        """The detector's children as they are."""
        found: Children = {}
        for kind in CHILDREN.values():
            for item in await self.api.list(kind, MANAGED_SELECTOR):
                child = _plain(item, self.uids[-1], self.api.namespace)
                found[f"{kind.name}/{child['metadata']['name']}"] = child
        return found

    async def until_children(self, expected: Children) -> Children:
        """Waits until the children are these."""
        return await self.until_alike(expected, lambda children: children)

    async def until_alike(self, expected: Children, shown: Callable[[Children], Children]) -> Children:
        """Waits until what is shown of the children is this."""
        now: Children = {}

        async def same() -> bool:
            nonlocal now
            now = shown(await self.children())
            return now == expected

        try:
            await until(same, within=STEP_SECONDS, what="the children to be those that are expected")
        except AssertionError as error:
            error.add_note("\n".join(_difference(expected, now)))
            raise
        return now

    async def lose_service(self) -> None:
        """Somebody deletes a child."""
        await self.api.delete(SERVICE, NAME)

    async def delete(self) -> None:
        """Deletes the detector; returns when nothing is left of it."""
        await self.api.delete(DETECTOR, NAME)
        await until(self._gone, within=STEP_SECONDS, what="the children to be collected")

    async def _gone(self) -> bool:
        return not await self.children()


def _given(part: Any) -> Any:
    """Without null, which takes a field away in an edit, and is no value."""
    if not isinstance(part, dict):
        return part
    return {name: _given(value) for name, value in part.items() if value is not None}


def _plain(item: Manifest, uid: str, namespace: str) -> Manifest:
    metadata = {name: value for name, value in item["metadata"].items() if name not in _ASSIGNED}
    metadata["annotations"] = {n: v for n, v in metadata.get("annotations", {}).items() if n != DESIRED_HASH}
    content = {name: value for name, value in item.items() if name not in ("metadata", "status")}
    if item["kind"] == "Secret":
        del content["data"]
    if item["kind"] == "Service":
        content["spec"] = {name: value for name, value in content["spec"].items() if not name.startswith("clusterIP")}
    if item["kind"] == "Job":  # the controller's own labels and selector have the Job's uid
        content["spec"] = {**content["spec"], "selector": None}
        content["spec"]["template"] = content["spec"]["template"]["spec"]
    text = json.dumps({**content, "metadata": metadata}, sort_keys=True)
    plain: Manifest = json.loads(text.replace(uid, "UID").replace(namespace, "NAMESPACE"))
    return plain


@dataclass(frozen=True)
class Worlds:
    """Makes namespaces on one control plane, with one registry."""

    plane: ControlPlane
    session: aiohttp.ClientSession
    registry: Registry
    folder: Path

    @asynccontextmanager
    async def world(self, script: Script | None = None, **settings: Any) -> AsyncIterator[World]:
        """A new namespace whose operator speaks to the API server as the script says."""
        name = f"life-{uuid.uuid4().hex[:8]}"
        url = self.plane.address.url
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": _NAMESPACE}}
        async with self.session.post(f"{url}/api/v1/namespaces", json=body) as made:
            assert made.ok, await made.text()
        api = Administrator(url, self.session, name)
        proxy = ScriptedProxy(url, self.session, script or Honest())
        node = StandInNode(api, self.registry, NAME)
        try:
            async with proxy.running(), node.working(), asyncio.TaskGroup() as tasks:
                operator = ForkedOperator(self._start(name, proxy, node, settings))
                keeping = tasks.create_task(operator.keep_running())
                yield World(api, proxy, node, operator)
                keeping.cancel()
        except BaseException as error:
            log = self.folder / f"{name}.log"
            error.add_note(log.read_text()[-4000:] if log.exists() else "the operator said nothing")
            raise
        finally:
            async with self.session.delete(f"{url}/api/v1/namespaces/{name}"):
                pass

    def _start(self, name: str, proxy: ScriptedProxy, node: StandInNode, settings: dict[str, Any]) -> Start:
        token = self.folder / f"{name}.token"
        token.write_text(self.registry.reviewer.issue(OPERATOR))
        usual: dict[str, Any] = {
            "trainer_image": "registry.example/trainer:1",
            "server_image": "registry.example/server:1",
            "registry_url": self.registry.url,
            "registry_token_file": token,
            "namespace": name,
            "watch_namespaces": (name,),
            "probes_host": "127.0.0.1",
            "probes_port": 0,
        }
        kubeconfig = proxy.kubeconfig(self.folder / f"{name}.conf")
        return Start(Settings(**{**usual, **settings}), kubeconfig, self.folder / f"{name}.log", node.port)


@asynccontextmanager
async def worlds(plane: ControlPlane, registry: Registry, folder: Path) -> AsyncIterator[Worlds]:
    """Needs a control plane that knows the resource."""
    async with connected(plane) as session:
        yield Worlds(plane, session, registry, folder)


@dataclass(frozen=True)
class Left:
    """What a life came to."""

    children: Children
    asked: list[Asked]
    """The operator's requests until the last edit was served."""
    keys: int
    """How many values the API key has had."""
    jobs: dict[str, int]
    """Jobs of each fingerprint."""
    versions: list[str]
    """The fingerprints of the registry's versions."""


async def lived(world: World, expected: Children | None = None) -> Left:
    """Create, train, retrain, edit. With `expected` it goes on only when the children equal these."""
    await world.apply()
    await world.until_ready(1)
    await world.apply(annotations={RETRAIN: "once more"})
    await world.until_ready(2)
    await world.apply({"serving": EDITED})
    await world.until_ready(2)
    asked = list(world.proxy.asked)
    children = await (_settled(world) if expected is None else world.until_children(expected))
    uid = world.uids[-1]
    versions = [str(version["fingerprint"]) for version in await world.node.versions(uid)]
    jobs = {fingerprint: len(uids) for fingerprint, uids in world.node.trained.items()}
    return Left(children, asked, len(world.node.keys[uid]), jobs, versions)


async def _settled(world: World) -> Children:
    """The children once nothing has changed for a second and a half."""
    before: Children = {}
    while (now := await world.children()) != before:
        before = now
        await asyncio.sleep(1.5)
    return now


def _difference(expected: Children, now: Children) -> list[str]:
    before, after = (json.dumps(children, indent=1, sort_keys=True).splitlines() for children in (expected, now))
    return list(difflib.unified_diff(before, after, "expected", "is", lineterm="", n=2))[:60]
