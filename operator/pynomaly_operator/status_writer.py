"""One write for the whole status, and none when nothing changed."""

from typing import Any

from pynomaly_operator.api.status import ConditionType, DetectorStatus
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DETECTOR, Manifest
from pynomaly_operator.store import FIELD_MANAGER, Store


class StatusWriter:
    """Applies statuses. Conditions of other types belong to others, and stay."""

    def __init__(self, kube: Kube, store: Store) -> None:
        self._kube = kube
        self._store = store

    async def write(self, detector: Identity, status: DetectorStatus) -> bool:
        """Whether anything was written. Raises ApiError 409 when the detector changed since it was seen."""
        key = (detector.namespace, detector.name)
        seen = self._store.detectors.get(key)
        content = as_json(status)
        if seen is None or seen.uid != detector.uid or _ours(seen.status) == content:
            return False
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
        return True


def as_json(status: DetectorStatus) -> dict[str, Any]:
    """The status as the API server stores it."""
    content: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["conditions"] = sorted(content["conditions"], key=lambda condition: str(condition["type"]))
    return content


def _ours(status: Manifest) -> dict[str, Any]:
    types = set(ConditionType)
    conditions = [condition for condition in status.get("conditions", ()) if condition["type"] in types]
    return {**status, "conditions": sorted(conditions, key=lambda condition: str(condition["type"]))}
