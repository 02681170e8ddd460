"""Writing events on detectors, as `kubectl describe` shows them: one object a fact, counted, not repeated."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pynomaly_operator.api.v1alpha1 import GROUP, KIND, VERSION
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import CONFLICT, NOT_FOUND, ApiError
from pynomaly_operator.events import Event
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import EVENT, Manifest
from pynomaly_operator.status.findings import shown

log = logging.getLogger(__name__)

COMPONENT = "pynomaly-operator"
MOST = 20_000
"""Events that wait to be written; what comes when there are as many is only logged."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    detector: Identity
    event: Event
    when: datetime


class Recorder:
    """Writes events one after another beside all else, which never waits for them.

    They are news, not state: one that cannot be written is logged and let go, and so are those that wait when the
    operator ends.
    """

    def __init__(self, kube: Kube, now: Callable[[], datetime], most: int = MOST) -> None:
        self._kube = kube
        self._now = now
        self._most = most
        self._waiting: deque[_Recorded] = deque()
        self._some = asyncio.Event()

    def record(self, detector: Identity, event: Event) -> None:
        """The event is soon an object, or one more on the count of the same."""
        if len(self._waiting) >= self._most:
            text = "%s/%s: event %s not recorded, as %d others wait to be: %s"
            log.warning(text, detector.namespace, detector.name, event.reason, self._most, event.message)
            return
        self._waiting.append(_Recorded(detector, event, self._now()))
        self._some.set()

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._some.wait()
            while self._waiting:
                await self._write(self._waiting.popleft())
            self._some.clear()

    async def _write(self, recorded: _Recorded) -> None:
        detector, event = recorded.detector, recorded.event
        name = _name(detector, event)
        try:
            await self._kube.create(EVENT, _body(recorded, name), COMPONENT)
        except ApiError as error:
            if error.status != CONFLICT:
                log.warning("%s/%s: event %s not recorded: %s", detector.namespace, detector.name, event.reason, error)
                return
            await self._count(detector, name, recorded.when)

    async def _count(self, detector: Identity, name: str, when: datetime) -> None:
        try:
            known = await self._kube.get(EVENT, detector.namespace, name)
            if known is not None:
                body = {"count": known.get("count", 1) + 1, "lastTimestamp": _time(when)}
                await self._kube.merge(EVENT, detector.namespace, name, body)
        except ApiError as error:
            if error.status != NOT_FOUND:  # events expire
                log.warning("%s/%s: event not counted: %s", detector.namespace, detector.name, error)


def _body(recorded: _Recorded, name: str) -> Manifest:
    detector, event, when = recorded.detector, recorded.event, _time(recorded.when)
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"name": name, "namespace": detector.namespace},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "namespace": detector.namespace,
            "name": detector.name,
            "uid": detector.uid,
        },
        "type": event.kind,
        "reason": event.reason,
        "message": shown(event.message),
        "source": {"component": COMPONENT},
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
    }


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(detector: Identity, event: Event) -> str:
    """The same fact about the same detector has the same name."""
    fact = f"{detector.uid}\n{event.kind}\n{event.reason}\n{event.message}"
    return f"{detector.name}.{hashlib.sha256(fact.encode()).hexdigest()[:16]}"
