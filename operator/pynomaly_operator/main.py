"""The operator's process: watches, start-up barrier, workers, audit, probes."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import kopf

from pynomaly_operator import audit, handlers, probes
from pynomaly_operator.api_keys import ApiKeys
from pynomaly_operator.children import Children
from pynomaly_operator.errors import ApiError
from pynomaly_operator.events import Recorder
from pynomaly_operator.kube import Credentials, Kube
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.pods import Pods
from pynomaly_operator.probes import Health
from pynomaly_operator.reconcile import Pace, Parts, Reconciler
from pynomaly_operator.registry import HttpRegistry, Registry, Remembering
from pynomaly_operator.rollouts import Rollouts
from pynomaly_operator.scaling import Scaling
from pynomaly_operator.serving_pods import HttpServingPods, ServingPods
from pynomaly_operator.settings import Settings
from pynomaly_operator.status_writer import StatusWriter
from pynomaly_operator.store import Store
from pynomaly_operator.training import Trainings
from pynomaly_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

STUCK_SECONDS = 300.0
"""A detector that waits longer than this for a worker means that the workers hang."""
RETRY_SECONDS = 2.0
TLS_CLOSE_SECONDS = 0.25
"""aiohttp closes TLS connections after their session, and tells nobody when: its manual waits as long
(https://docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown)."""


@dataclass(frozen=True, slots=True)
class Edges:
    """All that the operator speaks to."""

    credentials: Credentials
    registry: Registry
    serving_pods: ServingPods
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True)
class Operator:
    """One running operator; `synced` is set once everything that existed is known."""

    edges: Edges
    settings: Settings
    kube: Kube
    metrics: Metrics
    store: Store = field(default_factory=Store)
    synced: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set. Raises what ended it when something else did."""
        remembering = Remembering(self.edges.registry)
        queue = WorkQueue(self._reconciler(remembering).reconcile, self.metrics)
        version = await self._version()
        watching = handlers.Watching.of(version)
        log.info("Kubernetes %d.%d: %s", *version, "streams of metadata" if watching.streaming else "lists")
        sinks = handlers.Sinks(self.store, queue, remembering)
        watches = kopf.operator(
            registry=handlers.registry(sinks, self.edges.credentials, watching),
            settings=handlers.settings(watching),
            clusterwide=True,
            standalone=True,
            stop_flag=stop,
        )
        beside = (self._work(queue), self._audit(queue), self._answer_probes(queue), sinks.ending.wait())
        await _together(asyncio.create_task(watches), stop, [asyncio.create_task(task) for task in beside])

    def _reconciler(self, registry: Registry) -> Reconciler:
        kube, store, pods = self.kube, self.store, Pods(self.kube, _now)
        parts = Parts(
            store=store,
            programs=self.settings.programs,
            trainings=Trainings(kube, store, registry, _now),
            children=Children(kube, store, self.metrics),
            scaling=Scaling(kube, store),
            api_keys=ApiKeys(kube, store, pods, _now),
            rollouts=Rollouts(pods, self.edges.serving_pods),
            statuses=StatusWriter(kube, store),
            recorder=Recorder(kube, _now),
            pace=self.edges.pace,
            now=_now,
        )
        return Reconciler(parts)

    async def _version(self) -> tuple[int, int]:
        while True:
            try:
                return await self.kube.version()
            except ApiError as error:
                log.warning("waiting for the API server: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _work(self, queue: WorkQueue) -> None:
        while not self.synced.is_set():
            try:
                await audit.watched_everything(self.kube, self.store)
                self.synced.set()
            except ApiError as error:  # such as 404 while the CustomResourceDefinition is not there yet
                log.warning("waiting for everything to be listed: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
        log.info("%d detectors are known", len(self.store.detectors))
        await queue.run(self.settings.workers)

    async def _audit(self, queue: WorkQueue) -> None:
        await self.synced.wait()
        while True:
            await asyncio.sleep(self.settings.audit_seconds)
            try:
                for key in await audit.forget_ghosts(self.kube, self.store):
                    queue.add(key)
            except ApiError as error:
                log.warning("audit failed, again in %.0f s: %s", self.settings.audit_seconds, error)

    async def _answer_probes(self, queue: WorkQueue) -> None:
        health = Health(lambda: _stuck(queue), self._not_synced)
        async with probes.served(health, self.metrics, self.settings.probes_host, self.settings.probes_port):
            await asyncio.Event().wait()

    def _not_synced(self) -> str | None:
        return None if self.synced.is_set() else "not everything is listed yet"


def _now() -> datetime:
    return datetime.now(UTC)


def _stuck(queue: WorkQueue) -> str | None:
    if queue.oldest < STUCK_SECONDS:
        return None
    return f"a detector has waited {queue.oldest:.0f} s for a worker"


async def _together(watches: asyncio.Task[None], stop: asyncio.Event, beside: Sequence[asyncio.Task[Any]]) -> None:
    """Runs all until one ends, and ends the others; raises the error of the one that failed.

    The watches end last: kopf takes every task that began after it for its own, and waits for it before it returns.
    """
    try:
        await asyncio.wait([watches, *beside], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in beside:
            task.cancel()
        results = await asyncio.gather(*beside, return_exceptions=True)
        stop.set()
        await watches
        await asyncio.sleep(TLS_CLOSE_SECONDS)
    for result in results:
        if isinstance(result, Exception):
            raise result


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Edges]:
    """The real edges."""
    credentials = await Credentials.find()
    registry = HttpRegistry(settings.registry_url, settings.registry_token_file)
    serving_pods = HttpServingPods()
    try:
        yield Edges(credentials, registry, serving_pods, Pace(resync=settings.resync_seconds))
    finally:
        await registry.close()
        await serving_pods.close()


async def operate(settings: Settings, stop: asyncio.Event) -> None:
    """Runs the operator until `stop` is set."""
    metrics = Metrics()
    async with connected(settings) as edges:
        kube = Kube(edges.credentials, metrics, connections=settings.workers + 8)
        try:
            await Operator(edges, settings, kube, metrics).run(stop)
        finally:
            await kube.close()


async def _operate_until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await operate(settings, stop)


def main() -> None:
    """`pynomaly operator`: settings come from the environment. Raises ResourceInvalid for a setting that is wrong."""
    settings = Settings.from_environment(os.environ)
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("kopf").setLevel(logging.WARNING)  # a line an event says nothing
    asyncio.run(_operate_until_signal(settings))


if __name__ == "__main__":
    main()
