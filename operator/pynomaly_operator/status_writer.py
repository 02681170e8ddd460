"""One write for the whole status, and none when nothing changed."""

from enum import Enum
from typing import Any

from pynomaly_operator.api.status import ConditionType, DetectorStatus
from pynomaly_operator.contention import Contention, Place, who
from pynomaly_operator.desired.canonical import sha256
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.events import Event
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DETECTOR, Manifest
from pynomaly_operator.recorder import Recorder
from pynomaly_operator.status.findings import Reason
from pynomaly_operator.store import FIELD_MANAGER, Store


class Outcome(Enum):
    """What came of a status that was to be written."""

    UNCHANGED = "unchanged"
    WRITTEN = "written"
    PUT_OFF = "put off"
    """Somebody else keeps changing it: an event tells who."""


class StatusWriter:
    """Applies statuses. Conditions of other types belong to others, and stay."""

    def __init__(self, kube: Kube, store: Store, recorder: Recorder, contention: Contention) -> None:
        self._kube = kube
        self._store = store
        self._recorder = recorder
        self._contention = contention

    async def write(self, detector: Identity, status: DetectorStatus) -> Outcome:
        """Writes what differs. Raises ApiError 409 when the detector changed since it was seen."""
        key = (detector.namespace, detector.name)
        seen = self._store.detectors.get(key)
        content = as_json(status)
        if seen is None or seen.uid != detector.uid or _ours(seen.status) == content:
            return Outcome.UNCHANGED
        place, wanted_hash = Place(detector.uid, DETECTOR.name, detector.name), sha256(_undated(content))
        if not self._contention.may_write(place, wanted_hash):
            if self._contention.is_news(place):
                self._recorder.record(detector, await self._conflict(detector, content))
            return Outcome.PUT_OFF
        body = {
            "apiVersion": DETECTOR.api_version,
            "kind": DETECTOR.name,
            # On /status the server does not compare the uid: this version is what keeps a re-created detector from
            # getting its predecessor's status.
            "metadata": {
                "namespace": detector.namespace,
                "name": detector.name,
                "resourceVersion": str(seen.resource_version),
            },
            "status": content,
        }
        self._store.see_detector(await self._kube.apply_status(DETECTOR, body, FIELD_MANAGER))
        self._contention.wrote(place, wanted_hash)
        return Outcome.WRITTEN

    async def _conflict(self, detector: Identity, content: Manifest) -> Event:
        selector = f"metadata.name={detector.name}"  # by a list: the operator has no right to get one
        found = await self._kube.list(DETECTOR, detector.namespace, fieldSelector=selector)
        wanted = {"metadata": {}, "status": content}
        rival = who(found[0]["metadata"], wanted, "status") if found else "somebody"
        return Event(Reason.FIELD_CONFLICT, f"{rival} keeps changing the status of {detector.name}: stop it", "Warning")


def as_json(status: DetectorStatus) -> dict[str, Any]:
    """The status as the API server stores it."""
    content: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["conditions"] = sorted(content["conditions"], key=lambda condition: str(condition["type"]))
    return content


def _undated(content: Manifest) -> Manifest:
    """The same without the times of its conditions, which are later each time."""
    conditions = ({**condition, "lastTransitionTime": None} for condition in content["conditions"])
    return {**content, "conditions": list(conditions)}


def _ours(status: Manifest) -> dict[str, Any]:
    types = set(ConditionType)
    conditions = [condition for condition in status.get("conditions", ()) if condition["type"] in types]
    return {**status, "conditions": sorted(conditions, key=lambda condition: str(condition["type"]))}
