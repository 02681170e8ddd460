"""The operator's process: watches, start-up barrier, election, workers, audit, probes; and what ends when."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any, Protocol

import kopf

from pynomaly_operator import audit, discovery, handlers, probes
from pynomaly_operator.api_keys import ApiKeys
from pynomaly_operator.children import Children
from pynomaly_operator.circuit_breaker import CircuitBreaker
from pynomaly_operator.concurrency import is_set_within, together, unless
from pynomaly_operator.contention import Contention
from pynomaly_operator.errors import ApiError
from pynomaly_operator.key_rotation import KeyRotation
from pynomaly_operator.kube import Credentials, Kube
from pynomaly_operator.leadership import Leadership, boottime
from pynomaly_operator.liveness import Liveness
from pynomaly_operator.living import Forgetful, Living
from pynomaly_operator.manifest import DEPLOYMENT, DETECTOR, JOB, WATCHED
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.pods import Pods
from pynomaly_operator.probes import Health
from pynomaly_operator.reconcile import Pace, Parts, Reconciler
from pynomaly_operator.recorder import Recorder
from pynomaly_operator.registry import Registry, Remembering
from pynomaly_operator.rollouts import Rollouts
from pynomaly_operator.scaling import Scaling
from pynomaly_operator.serving_pods import ServingPods
from pynomaly_operator.settings import Settings
from pynomaly_operator.silent_pods import FewSilent
from pynomaly_operator.status_writer import StatusWriter
from pynomaly_operator.store import Store
from pynomaly_operator.training import Trainings
from pynomaly_operator.turns import Turns
from pynomaly_operator.waiting import in_line
from pynomaly_operator.watch_activity import WatchActivity
from pynomaly_operator.watch_pace import WatchPace
from pynomaly_operator.workqueue import WorkQueue
from pynomaly_operator.writer import Writer

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
RELIST_SECONDS = 10.0
"""What a watch tells when it begins anew has arrived by then; and no audit follows another any sooner."""
LIVING_RETRY_SECONDS = 300.0
KOPFS_END_SECONDS = 20.0
"""kopf takes up to ten to end; where a watcher of its own has failed, it waits for ever for the others."""
TLS_CLOSE_SECONDS = 0.25
"""aiohttp closes TLS connections after their session, and tells nobody when: its manual waits as long
(https://docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown)."""


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class ForgetfulRegistry(Registry, Forgetful, Protocol):
    """All that the operator wants of the registry."""


@dataclass(frozen=True, slots=True)
class Edges:
    """All that the operator speaks to."""

    credentials: Credentials
    kube: Kube
    """Fenced by the leadership."""
    leadership: Leadership
    registry: ForgetfulRegistry
    serving_pods: ServingPods
    pace: Pace = field(default_factory=Pace)


@dataclass(slots=True)
class Operator:
    """One running operator, which acts only while it leads."""

    edges: Edges
    settings: Settings
    metrics: Metrics
    lost: Callable[[], None]
    """Called when the leadership is lost, or kopf does not end: it is to end the process at once, or to raise."""
    now: Callable[[], datetime] = utc_now
    """May be off by hours, and differ from that of the operator before."""
    store: Store = field(default_factory=Store)
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once everything that existed is known."""
    leads: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once this operator has begun to act."""

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set. Raises what ended it when something else did."""
        remembering = Remembering(CircuitBreaker(self.edges.registry))
        recorder = Recorder(self.edges.kube, self.now)
        reconciler = self._reconciler(remembering, recorder)
        queue = WorkQueue(reconciler.reconcile, self.metrics)
        reconciler.wake_by(queue.add)
        version = await unless(stop, self._answered("the API server", self.edges.kube.version))
        if version is None:
            return
        watching = handlers.Watching.of(version)
        log.info("Kubernetes %d.%d: %s", *version, "streams of metadata" if watching.streaming else "lists")
        sinks, activity = handlers.Sinks(self.store, queue, remembering), WatchActivity(boottime)
        scope = self.settings.scope
        registry = handlers.registry(sinks, self.edges.credentials, watching, activity, WatchPace(boottime))
        watches = partial(
            kopf.operator,
            registry=registry,
            settings=handlers.settings(watching),
            clusterwide=scope.everywhere,
            namespaces=scope.namespaces,
            standalone=True,
            stop_flag=stop,
        )
        beside = (
            self._know(queue),
            self._lead(queue, recorder),
            self._audit(queue, sinks.relisted),
            self._answer_probes(Liveness(queue, activity, lambda: self.edges.leadership.unanswered)),
            sinks.ending.wait(),
            stop.wait(),
        )
        tasks = [asyncio.create_task(task) for task in beside]
        kopfs = asyncio.create_task(self._watch(watches, activity, stop))
        await together([kopfs, *tasks], tasks, lambda: self._end(kopfs, stop))

    async def _end(self, watches: asyncio.Task[None], stop: asyncio.Event) -> None:
        """Releases the Lease as soon as nothing writes any more. The watches end last, and take some seconds.

        kopf takes every task that began after it for its own, and waits for it before it returns.
        """
        await self.edges.leadership.release()
        stop.set()
        done, _ = await asyncio.wait([watches], timeout=KOPFS_END_SECONDS)
        if not done:
            log.error("the watches have not ended within %.0f s: the process ends without them", KOPFS_END_SECONDS)
            self.lost()
        await watches
        await asyncio.sleep(TLS_CLOSE_SECONDS)

    def _reconciler(self, registry: Registry, recorder: Recorder) -> Reconciler:
        kube, store, now, pods = self.edges.kube, self.store, self.now, Pods(self.edges.kube, self.now)
        contention, settings = Contention(), self.settings
        scaling, api_keys = Scaling(kube, store, contention), ApiKeys(kube, store, pods, contention, now)
        children = Children(kube, store, self.metrics, contention)
        trainings = Turns(settings.max_concurrent_trainings, lambda: store.busy(JOB.name), lambda: in_line(store))
        rollouts = Turns(settings.max_concurrent_rollouts, lambda: store.busy(DEPLOYMENT.name))
        parts = Parts(
            store=store,
            programs=settings.programs,
            trainings=Trainings(kube, store, registry, trainings, now),
            writer=Writer(store, children, scaling, api_keys, KeyRotation(kube, now), recorder, rollouts, now),
            scaling=scaling,
            api_keys=api_keys,
            rollouts=Rollouts(pods, FewSilent(self.edges.serving_pods)),
            statuses=StatusWriter(kube, store, recorder, contention),
            recorder=recorder,
            turns=(trainings, rollouts),
            pace=self.edges.pace,
            now=now,
        )
        return Reconciler(parts)

    async def _answered(self, what: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """The first answer that is none but an error, such as 404 while there is no CustomResourceDefinition."""
        while True:
            try:
                return await ask()
            except ApiError as error:
                log.warning("waiting for %s: %s", what, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch(
        self, watches: Callable[[], Coroutine[Any, Any, None]], activity: WatchActivity, stop: asyncio.Event
    ) -> None:
        """Watches until `stop` is set, from when there is a definition of what to watch."""
        while not stop.is_set():
            try:
                await discovery.discover(self.edges.kube, DETECTOR)
            except ApiError as error:
                log.warning("waiting for the definition of detectors: %s", error)
                await is_set_within(stop, RETRY_SECONDS)
            else:
                # kopf may ask another API server, which knows less: a watch that never begins is missed, too.
                for kind, place in product((DETECTOR, *WATCHED.values()), self.settings.scope.places):
                    activity.asked(f"{self.edges.credentials.path}{kind.path(place)}")
                await watches()
                return

    async def _know(self, queue: WorkQueue) -> None:
        """Returns never: what ends first ends all."""
        scope = self.settings.scope
        for key in await self._answered(
            "everything to be listed", lambda: audit.watched_everything(self.edges.kube, self.store, scope)
        ):
            queue.add(key)
        log.info("%d detectors are known", len(self.store.detectors))
        self.synced.set()
        await asyncio.Event().wait()

    async def _lead(self, queue: WorkQueue, recorder: Recorder) -> None:
        """Stands by with everything known, so that to take over takes one list."""
        await self.synced.wait()
        leadership = self.edges.leadership
        await leadership.acquire()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep())
            tasks.create_task(self._work(queue))
            tasks.create_task(recorder.run())
            tasks.create_task(self._tell_living())

    async def _keep(self) -> None:
        await self.edges.leadership.keep()
        self.lost()

    async def _work(self, queue: WorkQueue) -> None:
        scope = self.settings.scope
        for key in await self._answered("all detectors", lambda: audit.caught_up(self.edges.kube, self.store, scope)):
            queue.add(key)
        self.leads.set()
        await queue.run(self.settings.workers)

    async def _tell_living(self) -> None:
        edges, settings = self.edges, self.settings
        living = Living(edges.kube, edges.registry, settings.scope, lambda: edges.leadership.leading)
        while True:
            told = await living.tell()
            await asyncio.sleep(settings.living_seconds if told else LIVING_RETRY_SECONDS)

    async def _audit(self, queue: WorkQueue, relisted: asyncio.Event) -> None:
        await self.synced.wait()
        relisted.clear()
        while True:
            if await is_set_within(relisted, self.settings.audit_seconds):
                await asyncio.sleep(RELIST_SECONDS)
                relisted.clear()
            try:
                for key in await audit.make_good(self.edges.kube, self.store, self.settings.scope):
                    queue.add(key)
            except ApiError as error:
                log.warning("audit failed, again in %.0f s: %s", self.settings.audit_seconds, error)

    async def _answer_probes(self, liveness: Liveness) -> None:
        health = Health(liveness.complaint, self._not_synced)
        async with probes.served(health, self.metrics, self.settings.probes_host, self.settings.probes_port):
            await asyncio.Event().wait()

    def _not_synced(self) -> str | None:
        return None if self.synced.is_set() else "not everything is listed yet"
