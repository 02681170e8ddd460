"""The Secret with a detector's API keys: its value is made once and stays, whoever asks."""

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from pynomaly_operator.children import check_owner
from pynomaly_operator.contention import Contention, Place
from pynomaly_operator.desired import names
from pynomaly_operator.desired.canonical import sha256
from pynomaly_operator.desired.labels import KEYS_HASH
from pynomaly_operator.desired.secret import CURRENT, NEXT
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import CONFLICT, ApiError, Appeared, FieldConflict
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import SECRET, Manifest
from pynomaly_operator.notification import FIRST_WAIT, attempts
from pynomaly_operator.owned import changed, holds_field
from pynomaly_operator.pods import Pods
from pynomaly_operator.refusals import raise_refusal
from pynomaly_operator.store import FIELD_MANAGER, Store

KEY_BYTES = 32
FRESH = timedelta(seconds=60)
"""So long after a key was made, pods are told of it; later the kubelet has refreshed the file by itself."""
TELLINGS = 4
"""How often a pod is told of a key: at 0, 2, 6 and 14 s."""


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(KEY_BYTES)


def encoded(key: str) -> str:
    """The key as a Secret's data holds it."""
    return base64.b64encode(key.encode()).decode()


class ApiKeys:
    """Looks at the Secret by name, since there is no right to list or watch Secrets, and makes what it lacks."""

    def __init__(
        self, kube: Kube, store: Store, pods: Pods, contention: Contention, now: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._store = store
        self._pods = pods
        self._contention = contention
        self._now = now

    async def look(self, detector: Identity) -> Manifest | None:
        """The Secret's metadata, which the store then knows as a child's; None when it is not there."""
        key, child = (detector.namespace, detector.name), (SECRET.name, names.api_keys(detector))
        found = await self._kube.get(SECRET, detector.namespace, child[1])
        known = self._store.child(key, child)
        if found is None or (known is not None and known.uid != found["metadata"]["uid"]):
            self._store.forget_child(known.uid if known is not None else "")
        if found is None:
            return None
        self._store.see_child(SECRET.name, found)
        return _metadata(found)

    async def ensure(self, detector: Identity, manifest: Manifest, found: Manifest | None) -> Manifest | None:
        """The Secret's metadata after a key had to be made, for there was no Secret, or it held none; else None.

        Raises a Hindrance.
        """
        place = Place(detector.uid, SECRET.name, manifest["metadata"]["name"], CURRENT)
        if found is not None:
            check_owner(SECRET.name, found, detector)
        if found is not None and holds_field(found, "data", CURRENT):
            if self._contention.is_fought_over(place):
                raise _conflict(place.name)
            return None
        if not self._contention.may_write(place, CURRENT):
            raise _conflict(place.name)
        made = await self._make(manifest, found)
        self._contention.wrote(place, CURRENT)
        return _metadata(made)

    async def _make(self, manifest: Manifest, found: Manifest | None) -> Manifest:
        """The Secret with a new key in it."""
        metadata = manifest["metadata"]
        try:
            if found is not None:
                return await self._kube.merge(SECRET, metadata["namespace"], metadata["name"], {"data": self._data()})
            live = await self._kube.create(SECRET, {**manifest, "data": self._data()}, FIELD_MANAGER)
        except ApiError as error:
            raise_refusal(manifest, error)
            if error.status == CONFLICT:
                raise Appeared(f"Secret {metadata['name']} has just been made by somebody") from error
            raise
        self._store.see_child(SECRET.name, live)
        return live

    async def tell_pods(self, detector: Identity, secret: Manifest, since: datetime) -> float | None:
        """Tells the pods that are older than a key of it; the seconds until they are to be told again, if they are.

        `since`: there have been no pods before.

        They do not say which keys they have, so each is told a few times, and then left to the kubelet's own pace.
        """
        written = [time for entry in (CURRENT, NEXT) if (time := changed(secret, "data", entry)) is not None]
        # The time at which a key was written is the API server's.
        if not written or (self._kube.server_time or self._now()) - max(written) > FRESH:
            return None
        made = max(written)
        if since >= made:
            return None
        content = sha256([secret["uid"], made.isoformat()])[:16]
        older = [pod for pod in await self._pods.alive(detector) if pod.created < made]
        pending = [pod for pod in older if attempts(pod.notifications.get(KEYS_HASH), content) < TELLINGS]
        await self._pods.notify(detector, pending, KEYS_HASH, content)
        return FIRST_WAIT.total_seconds() if pending else None

    def _data(self) -> dict[str, str]:
        return {CURRENT: encoded(new_key())}


def _conflict(name: str) -> FieldConflict:
    return FieldConflict(f"somebody keeps deleting Secret {name} or its key: stop it, or let it leave {name} alone")


def _metadata(body: Manifest) -> Manifest:
    metadata: Manifest = body["metadata"]
    return metadata
