"""What a cluster does by itself, for every detector at once: kubelet, workload controllers, registry and serving pods.

    python -m tests.bench.operator.node ACCESS

Jobs end at once, their pods with a termination message; Deployments get one ready pod, which says that it serves the
model. Every model has the same digest, so that one address can answer for all pods. The first line of the output is the
port of the registry and of the pods.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from tests.bench.operator.access import MERGE, Access

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.registry.contract import LIVING_PATH, Forgetting, ModelInfo, Recorded
from pynomaly_operator.manifest import DEPLOYMENT, JOB, POD, Kind

DIGEST = "5" * 64
NOW = "2026-01-01T00:00:00Z"
WORKERS = 16
EVALUATION = Evaluation(rows=100, held_out=True, anomaly_rate=0.07, anomalies=7, roc_auc=0.99)
MODEL = ModelInfo(name="bench", algorithm="IForest", threshold=0.25, evaluation=EVALUATION)
_EXISTS = 409

Object = dict[str, Any]


def recorded(fingerprint: str) -> Recorded:
    """The one version of a detector."""
    made = datetime.fromisoformat(NOW).astimezone(UTC)
    return Recorded(version=1, digest=DIGEST, fingerprint=fingerprint, size=100_000, created=made, model=MODEL)


@dataclass
class Node:
    """Acts on every Job and Deployment of the cluster."""

    session: aiohttp.ClientSession
    published: dict[str, str] = field(default_factory=dict)
    """The fingerprint of each detector, by its uid."""
    _work: asyncio.Queue[Awaitable[None]] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        """Until it is killed."""
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)  # noqa: T201 - told to whoever started it
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(JOB, self._train))
            tasks.create_task(self._follow(DEPLOYMENT, self._serve))
            for _ in range(WORKERS):
                tasks.create_task(self._worker())

    async def _follow(self, kind: Kind, act: Callable[[Object], Awaitable[None]]) -> None:
        while True:
            async for item in self._watched(kind):
                self._work.put_nowait(act(item))

    async def _watched(self, kind: Kind) -> AsyncIterator[Object]:
        """What exists and what comes, until the API server ends the watch."""
        async with self.session.get(kind.path(), params={"watch": "true"}) as stream:
            stream.raise_for_status()
            async for line in stream.content:
                event = orjson.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]

    async def _worker(self) -> None:
        while True:
            await (await self._work.get())

    async def _train(self, job: Object) -> None:
        """The Job's pod has published and ended."""
        if job.get("status", {}).get("conditions"):
            return
        command = job["spec"]["template"]["spec"]["containers"][0]["command"]
        told = dict(zip(command[3::2], command[4::2], strict=True))
        self.published[told["--uid"]] = told["--fingerprint"]
        message = {"format": 1, "fingerprint": told["--fingerprint"], "outcome": "Succeeded", "message": ""}
        message |= {"version": 1, "digest": DIGEST, "metrics": {}}
        terminated = {"exitCode": 0, "reason": "Completed", "message": json.dumps(message)}
        container = {"name": "trainer", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
        status = {"phase": "Succeeded", "containerStatuses": [{**container, "state": {"terminated": terminated}}]}
        await self._start_pod({**job, "apiVersion": JOB.api_version, "kind": JOB.name}, status)
        await self._merge_status(JOB, job, _complete())

    async def _serve(self, deployment: Object) -> None:
        """One pod is ready, of whatever template."""
        generation, status = deployment["metadata"]["generation"], deployment.get("status", {})
        if status.get("observedGeneration") == generation:
            return
        if "observedGeneration" not in status:
            ready = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
            ready |= {"conditions": [{"type": "Ready", "status": "True"}]}
            owner = {**deployment, "apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.name}
            await self._start_pod(owner, ready)
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
        await self._merge_status(DEPLOYMENT, deployment, {"observedGeneration": generation, **counts})

    async def _start_pod(self, owner: Object, status: Object) -> None:
        template, metadata = owner["spec"]["template"], owner["metadata"]
        name = f"{metadata['name']}-{metadata['uid'][:8]}"
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
        reference |= {"name": metadata["name"], "uid": metadata["uid"]}
        labels = template["metadata"]["labels"]
        head = {"namespace": metadata["namespace"], "name": name, "labels": labels, "ownerReferences": [reference]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": template["spec"]}
        await self._send("POST", POD.path(metadata["namespace"]), body, "application/json")
        await self._merge_status(POD, {"metadata": head}, status)

    async def _merge_status(self, kind: Kind, item: Object, status: Object) -> None:
        place = item["metadata"]["namespace"], item["metadata"]["name"]
        await self._send("PATCH", f"{kind.path(*place)}/status", {"status": status}, MERGE)

    async def _send(self, method: str, path: str, body: Object, content_type: str) -> None:
        headers = {"Content-Type": content_type}
        async with self.session.request(method, path, data=orjson.dumps(body), headers=headers) as answer:
            text = await answer.text()
            if not answer.ok and answer.status != _EXISTS:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]}")

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/status", self._pod)
        application.router.add_get("/v1/detectors/{namespace}/{uid}/fingerprints/{fingerprint}", self._version)
        application.router.add_put(LIVING_PATH, self._living)
        return application

    async def _pod(self, _: web.Request) -> web.Response:
        return web.json_response({"stable": {"version": 1, "digest": DIGEST}})

    async def _version(self, request: web.Request) -> web.Response:
        fingerprint = request.match_info["fingerprint"]
        if self.published.get(request.match_info["uid"]) != fingerprint:
            return web.json_response({"status": 404, "title": "Not Found"}, status=404)
        return web.json_response(text=recorded(fingerprint).model_dump_json(by_alias=True))

    async def _living(self, _: web.Request) -> web.Response:
        return web.json_response(text=Forgetting(missing=0, confirmed=0, forgotten=0).model_dump_json(by_alias=True))


def _complete() -> Object:
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": NOW, "lastTransitionTime": NOW, "reason": "Completed"}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    ended = {"conditions": conditions, "startTime": NOW, "completionTime": NOW, "succeeded": 1, "active": 0}
    return {**ended, "terminating": 0, "uncountedTerminatedPods": {}}


async def main(access: Access) -> None:
    """The process."""
    async with access.session(2 * WORKERS) as session:
        await Node(session).run()


if __name__ == "__main__":
    asyncio.run(main(Access.model_validate_json(sys.argv[1])))
