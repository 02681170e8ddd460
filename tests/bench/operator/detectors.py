"""The detectors of the benchmark: all alike, a hundred a namespace."""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson
from tests.bench.operator.access import MERGE

from pynomaly_operator.manifest import DETECTOR

NAMESPACE_SIZE = 100
AT_A_TIME = 32
SPEC: dict[str, Any] = {
    "algorithm": {"name": "IForest"},
    "training": {"source": {"uri": "https://example.com/rows.csv", "label": "y"}},
    "serving": {"replicas": {"min": 1, "max": 3}},
}
CHILDREN = 11
"""Of a trained one: two accounts, config maps and policies, Secret, Service, Job, Deployment, autoscaler."""

Place = tuple[str, str]
"""Namespace and name."""


def namespaces(count: int) -> int:
    """How many namespaces hold so many detectors."""
    return -(-count // NAMESPACE_SIZE)


def places(count: int) -> list[Place]:
    """Where they are."""
    return [(f"plant-{number // NAMESPACE_SIZE}", f"detector-{number}") for number in range(count)]


async def make(session: aiohttp.ClientSession, count: int) -> None:
    """Creates the namespaces, those of the bare client too, and the detectors."""
    for number in range(namespaces(count)):
        for name in (f"plant-{number}", f"bare-{number}"):
            labels = {"pod-security.kubernetes.io/enforce": "restricted"}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            await _send(session, "POST", "/api/v1/namespaces", body)
    waiting = iter(places(count))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_A_TIME):
            tasks.create_task(_create(session, waiting))


async def _create(session: aiohttp.ClientSession, waiting: Iterator[Place]) -> None:
    for namespace, name in waiting:
        metadata = {"namespace": namespace, "name": name}
        body = {"apiVersion": DETECTOR.api_version, "kind": DETECTOR.name, "metadata": metadata, "spec": SPEC}
        await _send(session, "POST", DETECTOR.path(namespace), body)


async def edit(session: aiohttp.ClientSession, place: Place, number: int) -> None:
    """Asks for other resources and another most of pods: the Deployment and the autoscaler are to change."""
    requests = {"cpu": f"{100 + number}m"}
    serving = {"replicas": {"min": 1, "max": 4 + number % 5}, "resources": {"requests": requests}}
    await _send(session, "PATCH", DETECTOR.path(*place), {"spec": {"serving": serving}}, MERGE)


async def ready(session: aiohttp.ClientSession) -> int:
    """How many say that all that is asked for is served."""
    async with session.get(DETECTOR.path()) as answer:
        items = orjson.loads(await answer.read())["items"]
    return sum(map(_is_ready, items))


def _is_ready(detector: dict[str, Any]) -> bool:
    generation = detector["metadata"]["generation"]
    conditions = detector.get("status", {}).get("conditions", ())
    return any((c["type"], c["status"], c["observedGeneration"]) == ("Ready", "True", generation) for c in conditions)


async def _send(
    session: aiohttp.ClientSession, method: str, path: str, body: object, content_type: str = "application/json"
) -> None:
    headers = {"Content-Type": content_type}
    async with session.request(method, path, data=orjson.dumps(body), headers=headers) as answer:
        raw = await answer.read()
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status} {raw[:500].decode()}")
