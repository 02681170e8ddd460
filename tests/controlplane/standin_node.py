"""What a cluster does by itself in a namespace: Jobs train and publish, Deployments get pods, pods load models."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from tests.controlplane.administrator import Administrator
from tests.controlplane.standins import running as pod_running
from tests.unit.inference.registry.harness import Running as Registry
from tests.unit.inference.registry.harness import upload_headers

from pynomaly_operator.desired.commands import SERVING_KEY
from pynomaly_operator.manifest import CONFIG_MAP, DEPLOYMENT, JOB, POD, SECRET, Manifest

LOOK_SECONDS = 0.2
NOW = "2026-01-01T00:00:00Z"


@dataclass
class StandInNode:
    """Of one namespace with one detector of this name at a time. It counts what must happen once."""

    api: Administrator
    registry: Registry
    name: str = "shuttle"
    trained: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The uids of the Jobs of each fingerprint."""
    keys: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The values of the API key that the Secret of each detector, by its uid, has had."""
    port: int = 0
    """Where its serving pods answer."""
    _session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """It works while the context lasts, and its error ends the context's task."""
        application = web.Application()
        application.router.add_get("/status", self._status)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession() as self._session, asyncio.TaskGroup() as tasks:
                task = tasks.create_task(self._work())
                yield
                task.cancel()
        finally:
            await runner.cleanup()

    async def _work(self) -> None:
        while True:
            for job in await self.api.list(JOB):
                await self._train(job)
            for deployment in await self.api.list(DEPLOYMENT):
                await self._scale(deployment)
            await self._look_at_key()
            await asyncio.sleep(LOOK_SECONDS)

    async def _train(self, job: Manifest) -> None:
        command = job["spec"]["template"]["spec"]["containers"][0]["command"]
        told = dict(zip(command[3::2], command[4::2], strict=True))
        self.trained[told["--fingerprint"]].add(job["metadata"]["uid"])
        if job.get("status", {}).get("conditions") or "deletionTimestamp" in job["metadata"]:
            return
        await self._publish(told["--uid"], told["--fingerprint"])
        conditions = [
            {"type": kind, "status": "True", "lastProbeTime": NOW, "lastTransitionTime": NOW, "reason": "Completed"}
            for kind in ("SuccessCriteriaMet", "Complete")
        ]
        ended = {"conditions": conditions, "startTime": NOW, "completionTime": NOW, "succeeded": 1, "active": 0}
        status = {**ended, "terminating": 0, "uncountedTerminatedPods": {}}
        await self.api.merge(JOB, job["metadata"]["name"], {"status": status}, "/status")

    async def _publish(self, uid: str, fingerprint: str) -> None:
        content = hashlib.sha256(fingerprint.encode()).digest()
        await self._ask_registry(uid, f"fingerprints/{fingerprint}", content)

    async def versions(self, uid: str) -> list[dict[str, Any]]:
        """What the registry has of a detector, newest first."""
        found: list[dict[str, Any]] = (await self._ask_registry(uid, "versions"))["versions"]
        return found

    async def _ask_registry(self, uid: str, path: str, content: bytes | None = None) -> dict[str, Any]:
        assert self._session is not None
        token = self.registry.reviewer.issue(f"{self.api.namespace}:ad-{uid}-train")
        headers = {"Authorization": f"Bearer {token}"} | ({} if content is None else upload_headers(content))
        url = f"{self.registry.url}/v1/detectors/{self.api.namespace}/{uid}/{path}"
        method = "GET" if content is None else "PUT"
        async with self._session.request(method, url, data=content, headers=headers) as answer:
            assert answer.ok, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def _scale(self, deployment: Manifest) -> None:
        wanted, name = deployment["spec"]["replicas"], deployment["metadata"]["name"]
        uid, generation = deployment["metadata"]["uid"], deployment["metadata"]["generation"]
        status = deployment.get("status", {})
        if (status.get("observedGeneration"), status.get("readyReplicas")) == (generation, wanted):
            return
        there = [pod for pod in await self.api.list(POD) if pod["metadata"]["ownerReferences"][0]["uid"] == uid]
        for pod in there[wanted:]:
            await self.api.delete(POD, pod["metadata"]["name"])
        for number in range(len(there), wanted):
            await self._start_pod(deployment, f"{name}-{uid[:8]}-{generation}-{number}")
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
        await self.api.merge(DEPLOYMENT, name, {"status": {"observedGeneration": generation, **counts}}, "/status")

    async def _start_pod(self, deployment: Manifest, name: str) -> None:
        template, metadata = deployment["spec"]["template"], deployment["metadata"]
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
        labels, references = template["metadata"]["labels"], [{**owner, "controller": True}]
        pod = {"name": name, "labels": labels, "ownerReferences": references}
        await self.api.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": template["spec"]})
        await self.api.merge(POD, name, {"status": pod_running("127.0.0.1")}, "/status")

    async def _look_at_key(self) -> None:
        found = await self.api.get(SECRET, f"{self.name}-api-keys")
        if found is not None and "current" in found.get("data", {}):
            owner = found["metadata"]["ownerReferences"][0]["uid"]
            self.keys[owner].add(found["data"]["current"])

    async def _status(self, _: web.Request) -> web.Response:
        """Every pod has loaded what serving.json says."""
        found = await self.api.get(CONFIG_MAP, f"{self.name}-serving")
        stable = None if found is None else json.loads(found["data"][SERVING_KEY]).get("stable")
        return web.json_response({"stable": stable})
