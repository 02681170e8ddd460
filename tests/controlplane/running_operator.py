"""The operator, whole, in a thread of the test's process, on a real API server."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from kubernetes_asyncio import client, config
from tests.controlplane.standins import StandInPods, StandInRegistry

from pynomaly_operator.fence import Fence
from pynomaly_operator.kube import Credentials, Kube, Limits
from pynomaly_operator.leadership import Candidate, Leadership
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.process import Edges, Operator, utc_now
from pynomaly_operator.reconcile import Pace
from pynomaly_operator.settings import Settings
from pynomaly_operator.store import Store

PACE = Pace(switching=0.1, training=0.3, stalled=0.3, resync=1.5)
START_SECONDS = 30
SETTINGS = Settings(
    trainer_image="registry.example/trainer:1",
    server_image="registry.example/server:1",
    registry_url="http://registry.pynomaly.svc",
    image_pull_secrets=("registry-login",),
    probes_host="127.0.0.1",
    probes_port=0,
    audit_seconds=2,
)


@dataclass
class RunningOperator:
    """One operator after another, with the same registry and pods."""

    kubeconfig: Path
    pace: Pace = PACE
    settings: Settings = SETTINGS
    registry: StandInRegistry = field(default_factory=StandInRegistry)
    pods: StandInPods = field(default_factory=StandInPods)
    metrics: Metrics = field(default_factory=Metrics)
    lease: str = field(default_factory=lambda: f"operator-{uuid.uuid4().hex[:8]}")
    """One of its own: the operators of other tests are no rivals."""
    version: tuple[int, int] | None = None
    """What the server says its version is; None: the truth."""
    now: Callable[[], datetime] = utc_now
    """The operator's clock."""
    store: Callable[[], Store] = Store
    """What the operator knows when it starts."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """An operator that leads and knows all that exists; it ends with the context, and its error is raised."""
        self.metrics = Metrics()
        with _Thread(self) as thread:
            thread.await_synced()
            yield

    def writes(self) -> int:
        """Requests of this operator that were no reads, whether or not they changed anything."""
        return self._requests(lambda labels: labels["method"] != "GET")

    def refused(self) -> int:
        """Requests of this operator that were answered with 403."""
        return self._requests(lambda labels: labels["code"] == "403")

    def _requests(self, counted: Callable[[dict[str, str]], bool]) -> int:
        return int(
            sum(
                sample.value
                for metric in self.metrics.api_requests.collect()
                for sample in metric.samples
                if sample.name.endswith("_total") and counted(sample.labels)
            )
        )

    def children(self, action: str) -> int:
        """Children of which this was done since the start."""
        return int(
            sum(
                sample.value
                for metric in self.metrics.children.collect()
                for sample in metric.samples
                if sample.name.endswith("_total") and sample.labels["action"] == action
            )
        )

    def passes(self) -> int:
        """Passes since the start, whatever their result."""
        return int(
            sum(
                sample.value
                for metric in self.metrics.reconciles.collect()
                for sample in metric.samples
                if sample.name.endswith("_total")
            )
        )


class _OfVersion(Kube):
    """An API server that says it is of another version; it can do all that the older one could."""

    def __init__(self, credentials: Credentials, of: RunningOperator, fence: Fence) -> None:
        super().__init__(credentials, of.metrics, fence)
        self._of = of

    async def version(self) -> tuple[int, int]:
        return self._of.version or await super().version()


class _Thread:
    def __init__(self, of: RunningOperator) -> None:
        self._of = of
        self._thread = threading.Thread(target=self._run, name="operator")
        self._synced = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        if self._error is not None:
            raise self._error
        assert not self._thread.is_alive(), "the operator did not stop"

    def await_synced(self) -> None:
        assert self._synced.wait(START_SECONDS), "the operator did not start"
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            self._error = error
        finally:
            self._synced.set()

    async def _operate(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        configuration = client.Configuration()
        await config.load_kube_config(config_file=str(self._of.kubeconfig), client_configuration=configuration)
        credentials, of = Credentials(configuration), self._of
        elections = Kube(credentials, Metrics(), limits=Limits(2, 5))  # renewals are no writes of the operator's work
        leadership = Leadership(elections, Candidate(of.settings.lease_namespace, of.lease, uuid.uuid4().hex))
        kube = _OfVersion(credentials, of, leadership)
        edges = Edges(credentials, kube, leadership, of.registry, of.pods, of.pace)
        try:
            operator = Operator(edges, of.settings, of.metrics, _lost, of.now, of.store())
            announcing = asyncio.create_task(self._announce(operator))
            await operator.run(self._stop)
            announcing.cancel()
        finally:
            await kube.close()
            await elections.close()

    async def _announce(self, operator: Operator) -> None:
        await operator.leads.wait()
        self._synced.set()


def _lost() -> None:
    raise AssertionError("the operator lost its leadership")
