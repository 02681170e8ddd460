"""The Secret with a detector's API keys: its value is made once and stays, whoever asks."""

import base64
import secrets
from collections.abc import Callable

from pynomaly_operator.children import check_owner, raise_refusal
from pynomaly_operator.desired import names
from pynomaly_operator.desired.secret import CURRENT
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import CONFLICT, ApiError
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import SECRET, Manifest
from pynomaly_operator.owned import holds_field
from pynomaly_operator.store import FIELD_MANAGER, Store

KEY_BYTES = 32


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(KEY_BYTES)


class ApiKeys:
    """Looks at the Secret by name, since there is no right to list or watch Secrets, and makes what it lacks."""

    def __init__(self, kube: Kube, store: Store, make: Callable[[], str] = new_key) -> None:
        self._kube = kube
        self._store = store
        self._make = make

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
        metadata: Manifest = found["metadata"]
        return metadata

    async def ensure(self, detector: Identity, manifest: Manifest, found: Manifest | None) -> bool:
        """Whether a key had to be made: there was no Secret, or it held none. Raises a Hindrance."""
        if found is None:
            return await self._create(manifest)
        check_owner(SECRET.name, found, detector)
        if holds_field(found, "data", CURRENT):
            return False
        await self._kube.merge(SECRET, *_place(manifest), {"data": self._data()})
        return True

    async def _create(self, manifest: Manifest) -> bool:
        try:
            live = await self._kube.create(SECRET, {**manifest, "data": self._data()}, FIELD_MANAGER)
        except ApiError as error:
            raise_refusal(manifest, error)
            if error.status == CONFLICT:
                return False  # made by somebody else in this moment: the next pass looks whose it is
            raise
        self._store.see_child(SECRET.name, live)
        return True

    def _data(self) -> dict[str, str]:
        return {CURRENT: base64.b64encode(self._make().encode()).decode()}


def _place(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]
