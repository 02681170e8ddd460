"""A detector under load, with the cluster's own autoscaler at work on it: a minute for each step, by its behaviour."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml
from tests.cluster import installation, namespaces
from tests.cluster.cluster import Cluster
from tests.cluster.detector import Detector, is_ready
from tests.cluster.polling import until
from tests.cluster.replica_counts import replica_counts

REPLICAS: dict[str, int] = yaml.safe_load(
    (installation.ROOT / "manifests/samples/shuttle-autoscaled.yaml").read_text()
)["spec"]["serving"]["replicas"]
"""The sample's."""
CLIMBED_WITHIN = 600
ROWS = np.random.default_rng(5).normal(size=(1000, 3)).round(6)


@dataclass(frozen=True)
class Climb:
    """What became of the detector and of the load."""

    numbers: list[int]
    """Of pods that the Deployment was asked to have while it was autoscaled, in their order."""
    reasons: list[str]
    """Why the autoscaler set them, in its words and their order."""
    seconds: float
    """From the first request to as many ready pods as the resource allows."""
    afterwards: list[int]
    """The numbers from then on, when as many pods were asked for without autoscaling, until the detector was ready."""
    autoscalers: list[str]
    """That are left then."""
    answers: int
    failures: list[str]
    """Requests of the whole time."""


@contextmanager
def climbing(cluster: Cluster) -> Iterator[Future[Climb]]:
    """Begins with the climb, which goes on beside the context."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(_climb, cluster)


def _climb(cluster: Cluster) -> Climb:
    with namespaces.restricted(cluster.kubectl, "busy") as namespace, tempfile.TemporaryDirectory() as folder:
        cluster.kubectl.apply(_rows(namespace), _resource(namespace))
        detector = Detector(cluster.kubectl, namespace, "valves")
        detector.ready()
        with _load(detector) as load:
            return _scaled(detector, load, Path(folder))


def _scaled(detector: Detector, load: "Load", folder: Path) -> Climb:
    """Waits for all pods, then fixes their number as it is."""
    most, begun = REPLICAS["max"], time.monotonic()
    with replica_counts(detector.kubectl, detector.namespace, detector.name, folder) as numbers:

        def is_up() -> bool:
            # Pods alone could be those of a rollout, which has one more.
            return numbers()[-1] == most and sum(map(is_ready, detector.pods())) >= most

        until(is_up, within=CLIMBED_WITHIN, what=f"{most} ready pods under load")
        seconds, climbed = time.monotonic() - begun, numbers()
        detector.change(json.dumps({"serving": {"replicas": {"min": most, "max": most}}}))
        detector.ready()
    return Climb(
        numbers=climbed,
        reasons=[event["message"] for event in _rescales(detector)],
        seconds=seconds,
        afterwards=numbers()[len(climbed) - 1 :],
        autoscalers=[found["metadata"]["name"] for found in _all(detector, "horizontalpodautoscalers")],
        answers=load.answers,
        failures=load.failures,
    )


@dataclass
class Load:
    """What became of its requests."""

    answers: int
    failures: list[str]


@contextmanager
def _load(detector: Detector) -> Iterator[Load]:
    """Scores while the context lasts, half of the time: a multiple of what three pods ask for, and not the machine."""
    seen, stop = Load(0, []), threading.Event()
    url, headers = f"{detector.url}/v1/score", {"X-API-Key": detector.key, "Content-Type": "application/json"}
    content = json.dumps({"rows": ROWS.tolist()}).encode()

    def score() -> None:
        while not stop.is_set():
            with httpx.Client(timeout=60, headers=headers) as client:  # now and then another pod
                for _ in range(20):
                    begun = time.monotonic()
                    _send(client, url, content, seen)
                    if stop.wait(time.monotonic() - begun):
                        return

    thread = threading.Thread(target=score)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _send(client: httpx.Client, url: str, content: bytes, seen: Load) -> None:
    try:
        response = client.post(url, content=content)
    except httpx.TransportError as error:
        seen.failures.append(repr(error))
        return
    if response.status_code == httpx.codes.OK:
        seen.answers += 1
    else:
        seen.failures.append(f"{response.status_code} {response.text}")


def _rows(namespace: str) -> dict[str, Any]:
    """The data, opted in."""
    table = "\n".join(["a,b,c", *(",".join(map(str, row)) for row in ROWS.tolist())])
    metadata = {"name": "rows", "namespace": namespace, "labels": {"pynomaly.io/use": "training"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"valves.csv": table}}


def _resource(namespace: str) -> dict[str, Any]:
    """A detector that asks for little, of which a small load is a multiple."""
    asked = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
    training = {"source": {"uri": "configmap://rows/valves.csv"}, "resources": {"requests": {"cpu": "100m"}}}
    return {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "metadata": {"name": "valves", "namespace": namespace},
        "spec": {
            "algorithm": {"name": "IForest"},
            "training": training,
            "serving": {"replicas": REPLICAS, "resources": asked, "limits": {"requestsPerMinute": 1_000_000}},
        },
    }


def _rescales(detector: Detector) -> list[dict[str, Any]]:
    """The events of the autoscaler's changes."""
    found = [event for event in _all(detector, "events") if event["reason"] == "SuccessfulRescale"]
    return sorted(found, key=lambda event: str(event["metadata"]["creationTimestamp"]))


def _all(detector: Detector, kinds: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = detector.kubectl.read(kinds, f"--namespace={detector.namespace}")["items"]
    return found
