"""Events on detectors, as `kubectl describe` shows them: one object a fact, counted, not repeated."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pynomaly_operator.api.status import ConditionType, DetectorStatus
from pynomaly_operator.api.v1alpha1 import GROUP, KIND, VERSION
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import CONFLICT, NOT_FOUND, ApiError
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import EVENT, Manifest
from pynomaly_operator.status.findings import Reason, shown

log = logging.getLogger(__name__)

COMPONENT = "pynomaly-operator"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a detector."""

    reason: str
    message: str
    kind: Literal["Normal", "Warning"] = "Normal"


def key_made(secret: str) -> Event:
    """A key had to be made: for a new detector, or because the Secret or its entry was deleted."""
    when = "serving pods accept it, and refuse earlier ones, once the kubelet has refreshed the file that they mount"
    return Event(Reason.SUCCEEDED, f"Secret {secret} has a new API key: {when}")


def key_rotated(secret: str, until: datetime) -> Event:
    """The current key became the previous one."""
    text = (
        f"Secret {secret} has a new API key; the previous one is accepted until {until.isoformat(timespec='seconds')}"
    )
    return Event(Reason.SUCCEEDED, text)


def previous_key_dropped(secret: str) -> Event:
    """The overlap of two keys is over."""
    return Event(Reason.SUCCEEDED, f"Secret {secret}: the previous API key is no longer accepted")


def events_between(before: DetectorStatus, after: DetectorStatus) -> list[Event]:
    """What two statuses in a row tell: a change of Ready, and a training that ended."""
    found = []
    if _changed(before, after, ConditionType.READY):
        found.append(_event(after, ConditionType.READY))
    if _changed(before, after, ConditionType.TRAINED):
        event = _event(after, ConditionType.TRAINED)
        if event not in found:
            found.append(event)
    return found


def _changed(before: DetectorStatus, after: DetectorStatus, kind: ConditionType) -> bool:
    old, new = before.condition(kind), after.condition(kind)
    return new is not None and (old is None or (old.status, old.reason) != (new.status, new.reason))


def _event(status: DetectorStatus, kind: ConditionType) -> Event:
    condition, stalled = status.condition(kind), status.condition(ConditionType.STALLED)
    if condition is None:
        raise ValueError(f"the status has no condition {kind}")
    failed = kind is ConditionType.TRAINED and condition.status == "False"  # a retrain that failed stalls nothing
    warning = failed or (condition.status != "True" and stalled is not None and stalled.status == "True")
    return Event(condition.reason, condition.message, "Warning" if warning else "Normal")


class Recorder:
    """Writes events. They are news, not state: one that cannot be written is logged and let go."""

    def __init__(self, kube: Kube, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._now = now

    async def record(self, detector: Identity, event: Event) -> None:
        """The event as an object, or one more on the count of the same."""
        name = _name(detector, event)
        try:
            await self._kube.create(EVENT, self._body(detector, event, name), COMPONENT)
        except ApiError as error:
            if error.status != CONFLICT:
                log.warning("%s/%s: event %s not recorded: %s", detector.namespace, detector.name, event.reason, error)
                return
            await self._count(detector, name)

    async def _count(self, detector: Identity, name: str) -> None:
        try:
            known = await self._kube.get(EVENT, detector.namespace, name)
            if known is not None:
                body = {"count": known.get("count", 1) + 1, "lastTimestamp": self._time()}
                await self._kube.merge(EVENT, detector.namespace, name, body)
        except ApiError as error:
            if error.status != NOT_FOUND:  # events expire
                log.warning("%s/%s: event not counted: %s", detector.namespace, detector.name, error)

    def _body(self, detector: Identity, event: Event, name: str) -> Manifest:
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
            "firstTimestamp": self._time(),
            "lastTimestamp": self._time(),
            "count": 1,
        }

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(detector: Identity, event: Event) -> str:
    """The same fact about the same detector has the same name."""
    fact = f"{detector.uid}\n{event.kind}\n{event.reason}\n{event.message}"
    return f"{detector.name}.{hashlib.sha256(fact.encode()).hexdigest()[:16]}"
