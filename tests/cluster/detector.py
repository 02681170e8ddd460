"""One detector on the cluster, as its user sees it."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import NotInTime, until

SECONDS = 120
Rows = Mapping[str, list[list[float]]]
ROW: Rows = {"rows": [[44, 0, 83, 0, 42, 0, 39, 41, 2]]}
_CLIENTS = 3


@dataclass(frozen=True)
class Detector:
    """A detector and its children."""

    kubectl: Kubectl
    namespace: str
    name: str

    def read(self, kind: str, name: str | None = None) -> Any:
        """The object of this kind, called as the detector unless a name is given."""
        return self.kubectl.read(kind, name or self.name, f"--namespace={self.namespace}")

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition of the detector; empty while there is none."""
        conditions = self.read("anomalydetector").get("status", {}).get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def ready(self) -> None:
        """Waits until what the detector's present generation asks for is served."""

        def is_ready() -> bool:
            resource, condition = self.read("anomalydetector"), self.condition("Ready")
            current = condition.get("observedGeneration") == resource["metadata"]["generation"]
            return current and condition.get("status") == "True"

        try:
            until(is_ready, within=SECONDS, what=f"Ready of {self.name}")
        except NotInTime as error:
            error.add_note(json.dumps(self.read("anomalydetector").get("status"), indent=1))
            raise

    def change(self, spec: str) -> None:
        """Merges JSON into the spec."""
        patch = f'{{"spec":{spec}}}'
        self._on("patch", "anomalydetector", self.name, "--type=merge", f"--patch={patch}")

    def pods(self) -> list[dict[str, Any]]:
        """The serving pods that are not ending."""
        selector = f"--selector={self.read('anomalydetector')['status']['selector']}"
        listed = self.kubectl.read("pods", f"--namespace={self.namespace}", selector)["items"]
        return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]

    def all_pods(self) -> set[str]:
        """The names of the serving pods, ending ones included."""
        selector = f"--selector={self.read('anomalydetector')['status']['selector']}"
        listed = self.kubectl.read("pods", f"--namespace={self.namespace}", selector)["items"]
        return {pod["metadata"]["name"] for pod in listed}

    def restarts(self) -> dict[str, int]:
        """By pod: how often its container was restarted."""
        return {
            pod["metadata"]["name"]: sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
            for pod in self.pods()
        }

    @property
    def url(self) -> str:
        """The Service's address."""
        return f"http://{self.read('service')['spec']['clusterIP']}"

    @property
    def key(self) -> str:
        """The generated API key."""
        return base64.b64decode(self.read("secret", f"{self.name}-api-keys")["data"]["current"]).decode()

    def client(self) -> httpx.Client:
        """A client that may score."""
        return httpx.Client(base_url=self.url, headers={"X-API-Key": self.key}, timeout=SECONDS)

    def _on(self, *arguments: str) -> str:
        return self.kubectl(*arguments, f"--namespace={self.namespace}")


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod's condition says so."""
    conditions = pod["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


@dataclass
class Load:
    """What became of the requests of a steady load."""

    versions: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def goes_on(self, requests: int = 50) -> None:
        """Waits for so many more answers."""
        enough = len(self.versions) + requests
        until(lambda: len(self.versions) >= enough or bool(self.failures), within=SECONDS, what="answers under load")


@contextmanager
def load(detector: Detector, rows: Rows = ROW) -> Iterator[Load]:
    """Scores without a pause from some clients while the context lasts; each now and then opens a new connection."""
    seen, stop = Load(), threading.Event()

    def score() -> None:
        while not stop.is_set():
            with detector.client() as client:
                for _ in range(50):
                    if not stop.is_set():
                        _score(client, rows, seen)

    threads = [threading.Thread(target=score) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        seen.goes_on()
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _score(client: httpx.Client, rows: Rows, seen: Load) -> None:
    try:
        response = client.post("/v1/score", json=rows)
    except httpx.TransportError as error:
        seen.failures.append(f"{time.time():.3f} {error!r}")
        return
    if response.status_code == httpx.codes.OK:
        seen.versions.append(response.json()["model"]["version"])
    else:
        seen.failures.append(f"{time.time():.3f} {response.status_code} {response.text}")
