"""kopf as a watcher and nothing else: every handler stores what it sees and queues a key.

A handler must neither fail nor wait: kopf logs what an `on.event` handler raises, and forgets it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
import kopf

from pynomaly_operator.desired.labels import MANAGED_SELECTOR
from pynomaly_operator.errors import ApiError
from pynomaly_operator.kube import JSON, METADATA_LIST, METADATA_ONLY, Credentials
from pynomaly_operator.manifest import DETECTOR, WATCHED, Kind
from pynomaly_operator.registry import Remembering
from pynomaly_operator.store import Key, Store
from pynomaly_operator.watch_activity import WatchActivity
from pynomaly_operator.watch_answers import begin_anew_on_error, survivable
from pynomaly_operator.watch_pace import WatchPace
from pynomaly_operator.watch_stream import Sink, take_events
from pynomaly_operator.workqueue import WorkQueue

STREAMING_SINCE = (1, 34)
"""The first Kubernetes whose watches begin with what exists, so that metadata-only kinds need no list: an empty list of
metadata holds null for its items, which ends kopf's watcher."""


class _NoDiffs(kopf.DiffBaseStorage):
    """kopf copies every object of every event twice to find changes for handlers that we do not have."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


@dataclass(frozen=True, slots=True)
class Watching:
    """How to watch: by streams of metadata where the server can, else by lists of whole objects."""

    streaming: bool

    @classmethod
    def of(cls, version: tuple[int, int]) -> "Watching":
        """What a server of this version can do."""
        return cls(streaming=version >= STREAMING_SINCE)


def settings(watching: Watching) -> kopf.OperatorSettings:
    """Kopf without its own state: no annotations, no finalizers, no events, no peering."""
    found = kopf.OperatorSettings()
    # It would list definitions, which Roles cannot allow, and lose ours when it returns before discovery tells of it.
    found.scanning.disabled = True
    found.posting.enabled = False
    found.peering.standalone = True
    found.persistence.finalizer = "pynomaly.io/unused"  # never written: only other kinds of handlers need one
    found.persistence.diffbase_storage = _NoDiffs()
    found.persistence.progress_storage = kopf.StatusProgressStorage(field="status.unused")  # never written either
    found.queueing.worker_limit = None  # a limit holds a slot for idle_timeout per object
    found.queueing.idle_timeout = 0.05
    found.queueing.exit_timeout = 0.5
    found.watching.chunk_size = 500
    found.watching.initial_streaming = watching.streaming
    found.watching.server_timeout = 300
    found.watching.client_timeout = 330
    found.watching.connect_timeout = 5
    found.watching.inactivity_timeout = 70  # bookmarks come once a minute: silence means a dead connection
    found.watching.reconnect_backoff = 0.5
    found.networking.request_timeout = 10
    found.networking.connect_timeout = 5
    found.networking.error_backoffs = (0.5, 1, 2, 4, 8)
    for kind in WATCHED.values():
        found.watching.label_selectors[kind.group, kind.version, kind.plural] = MANAGED_SELECTOR
    return found


def session(
    credentials: Credentials,
    watching: Watching,
    activity: WatchActivity,
    pace: WatchPace,
    sinks: "Sinks | None" = None,
) -> aiohttp.ClientSession:
    """Kopf's session, made by us: always the newest token, and no content that is not our business."""
    slim = tuple(f"/{kind.plural}" for kind in WATCHED.values() if not kind.whole)
    ours = tuple(f"/{kind.plural}" for kind in (DETECTOR, *WATCHED.values()))

    async def prepared(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        watched = request.url.query.get("watch") == "true"
        if watched:
            activity.asked(request.url.path)
            await asyncio.sleep(pace.wait(request.url.path))
        try:
            request.headers.update(await credentials.headers())
        except ApiError as error:
            raise aiohttp.ClientConnectionError(str(error)) from error  # which kopf tries again; any other ends it
        if watching.streaming and request.url.path.endswith(slim):
            request.headers["Accept"] = METADATA_ONLY if watched else METADATA_LIST
        response = await handler(request)
        if request.url.path.endswith(ours) or response.status != HTTPStatus.NOT_FOUND:
            survivable(request.url.path, response, watched=watched)
        listed = request.url.path.endswith(ours) and (not watched or "sendInitialEvents" in request.url.query)
        if sinks is not None and listed:
            sinks.relisted.set()
        if response.ok and response.content_type != JSON:
            response.close()
            raise aiohttp.ClientConnectionError(f"{request.url.path} was answered with {response.content_type}")
        if watched and response.ok:
            begin_anew_on_error(response)
            activity.listen(request.url.path, response)
            sink = None if sinks is None else sinks.of(request.url.path)
            if sink is not None:
                take_events(response, sink)
        return response

    connector = aiohttp.TCPConnector(limit=0, ssl=credentials.ssl_context())
    return aiohttp.ClientSession(connector=connector, middlewares=(prepared,), read_bufsize=2**21)


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where events go."""

    store: Store
    queue: WorkQueue
    registry: Remembering
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when kopf has stopped watching."""
    relisted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what exists was told anew: of what vanished since it was told before, nobody tells."""

    def of(self, path: str) -> Sink | None:
        """Where the events of a watch of this path go; None: they are not our business."""
        plural = path.rpartition("/")[2]
        if plural == DETECTOR.plural:
            return self.detector
        return next((partial(self.child, kind) for kind in WATCHED.values() if kind.plural == plural), None)

    def detector(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """An event of a detector."""
        if kind == "DELETED":
            self.store.detector_deleted(body["metadata"])
            self.registry.forget(body["metadata"]["uid"])
            return
        self._queue(self.store.see_detector(body))

    def child(self, kind: Kind, event: str | None, body: Mapping[str, Any]) -> None:
        """An event of a child. DELETED also says that its labels no longer match."""
        if event == "DELETED":
            self._queue(self.store.child_deleted(body["metadata"]))
            return
        for key in self.store.see_child(kind.name, body):
            self.queue.add(key)

    def _queue(self, key: Key | None) -> None:
        if key is not None:
            self.queue.add(key)


def registry(
    sinks: Sinks, credentials: Credentials, watching: Watching, activity: WatchActivity, pace: WatchPace
) -> kopf.OperatorRegistry:
    """The handlers: of what kopf lists. Of what it watches the events are taken before."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        made = session(credentials, watching, activity, pace, sinks)
        return kopf.AiohttpSession(server=credentials.server, aiohttp_session=made)

    @kopf.on.cleanup(registry=handlers)
    async def end(**_: Any) -> None:
        sinks.ending.set()

    @kopf.on.event(DETECTOR.group, DETECTOR.version, DETECTOR.plural, registry=handlers)
    async def see_detector(event: kopf.RawEvent, **_: Any) -> None:
        sinks.detector(event["type"], event["object"])

    for kind in WATCHED.values():
        _watch_child(handlers, kind, sinks)
    return handlers


def _watch_child(handlers: kopf.OperatorRegistry, kind: Kind, sinks: Sinks) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=handlers, id=f"see-{kind.plural}")
    async def see_child(event: kopf.RawEvent, **_: Any) -> None:
        sinks.child(kind, event["type"], event["object"])
