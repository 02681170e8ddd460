"""Replacing API keys by time. The operator never reads a key: the API server itself moves the current one aside."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pynomaly_operator.api.v1alpha1 import ApiKeys as Policy
from pynomaly_operator.api_keys import encoded, new_key
from pynomaly_operator.desired.labels import KEY_ROTATED
from pynomaly_operator.desired.secret import CURRENT, NEXT, PREVIOUS
from pynomaly_operator.errors import CONFLICT, INVALID, ApiError
from pynomaly_operator.events import Event, key_rotated, previous_key_dropped
from pynomaly_operator.kube import METADATA_ONLY, Kube, Request
from pynomaly_operator.manifest import SECRET, Manifest
from pynomaly_operator.refusals import raise_refusal
from pynomaly_operator.rotation import NEXT_MANAGER, Step, due, keys
from pynomaly_operator.store import FIELD_MANAGER

log = logging.getLogger(__name__)

JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of a look at a Secret."""

    secret: Manifest
    """Its metadata, as it is now."""
    event: Event | None = None
    wait: float | None = None
    """Seconds until the next step is due; None: no step will be."""


class KeyRotation:
    """Writes to the Secret exactly when a step is due, and only to the Secret that was seen."""

    def __init__(self, kube: Kube, now: Callable[[], datetime]) -> None:
        """`now` counts only where the API server does not say what time it is."""
        self._kube = kube
        self._own_clock = now

    async def keep(self, policy: Policy, secret: Manifest) -> Rotated:
        """Does what is due to the Secret with this metadata. Raises a Hindrance."""
        found, now = keys(secret), self._now()
        step = None if found is None else due(policy, found, now)
        if found is None or step is None:
            return Rotated(secret)
        if step[1] > now:
            return Rotated(secret, wait=(step[1] - now).total_seconds())
        live, event = await self._do(step[0], secret, now + policy.overlap_time)
        return Rotated(secret, wait=1) if live is None else Rotated(live, event, wait=1)

    async def _do(self, step: Step, secret: Manifest, until: datetime) -> tuple[Manifest | None, Event | None]:
        """The new metadata, None when somebody changed the Secret in this moment; and what to tell."""
        match step:
            case Step.PREPARE:
                return await self._patch(secret, _preparation(), NEXT_MANAGER), None
            case Step.ROTATE:
                return await self._patch(secret, _rotation(self._now())), key_rotated(secret["name"], until)
            case Step.DROP_PREVIOUS:
                return await self._patch(secret, _without(PREVIOUS)), previous_key_dropped(secret["name"])
            case Step.DROP_NEXT:
                return await self._patch(secret, _without(NEXT)), None

    def _now(self) -> datetime:
        """By the API server's clock, which also told when the Secret's keys were written."""
        return self._kube.server_time or self._own_clock()

    async def _patch(
        self, secret: Manifest, steps: list[dict[str, str]], manager: str = FIELD_MANAGER
    ) -> Manifest | None:
        """The new metadata; None when somebody changed the Secret in this moment."""
        unchanged = {"op": "test", "path": "/metadata/resourceVersion", "value": secret["resourceVersion"]}
        path, params = SECRET.path(secret["namespace"], secret["name"]), {"fieldManager": manager}
        request = Request("PATCH", path, [unchanged, *steps], JSON_PATCH, METADATA_ONLY, params)
        try:
            live = await self._kube.send(request)
        except ApiError as error:
            if error.status not in (CONFLICT, INVALID):
                raise_refusal({"kind": SECRET.name, "metadata": secret}, error)
                raise
            again = await self._kube.get(SECRET, secret["namespace"], secret["name"])
            if again is not None and again["metadata"]["resourceVersion"] == secret["resourceVersion"]:
                raise_refusal({"kind": SECRET.name, "metadata": secret}, error)
            log.info("%s/%s changed while its key was to be rotated", secret["namespace"], secret["name"])
            return None
        metadata: Manifest = live["metadata"]
        return metadata


def _without(entry: str) -> list[dict[str, str]]:
    return [{"op": "remove", "path": f"/data/{entry}"}]


def _preparation() -> list[dict[str, str]]:
    return [{"op": "add", "path": f"/data/{NEXT}", "value": encoded(new_key())}]


def _rotation(now: datetime) -> list[dict[str, str]]:
    return [
        {"op": "copy", "from": f"/data/{CURRENT}", "path": f"/data/{PREVIOUS}"},
        {"op": "move", "from": f"/data/{NEXT}", "path": f"/data/{CURRENT}"},
        {
            "op": "add",
            "path": f"/metadata/annotations/{KEY_ROTATED.replace('/', '~1')}",
            "value": now.isoformat(timespec="seconds"),
        },
    ]
