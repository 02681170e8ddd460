"""Writing a detector's children: only what differs, never what is another's."""

from collections.abc import Iterable
from typing import Any

from pynomaly_operator.contention import Contention, rivals
from pynomaly_operator.desired.labels import DESIRED_HASH
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    INVALID,
    ApiError,
    FieldConflict,
    Hindrance,
    NameConflict,
    NameReserved,
    NamespaceEnding,
    QuotaExceeded,
    Recreated,
    Refused,
)
from pynomaly_operator.handover import Handover
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import CHILDREN, JOB, SECRET, Manifest
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.owned import covered
from pynomaly_operator.ownership import Belongs, belongs
from pynomaly_operator.store import FIELD_MANAGER, Child, ChildId, Key, Store

_NO_VERSION = "1"
"""Of no object: etcd's empty store is at revision 1, and whatever is written is at a later one."""


def child_id(manifest: Manifest) -> ChildId:
    """Kind and name."""
    return manifest["kind"], manifest["metadata"]["name"]


def check_owner(kind: str, metadata: Manifest, detector: Identity) -> None:
    """Raises NameConflict when the object is another's, NameReserved when it is about to go."""
    whose = belongs(metadata, detector.name, detector.uid)
    what = f"{kind} {metadata['name']}"
    if whose is Belongs.PREDECESSORS:
        raise NameReserved(f"{what} of a deleted detector of this name is still being removed")
    if whose is Belongs.FOREIGN:
        raise NameConflict(f"{what} exists and is not this detector's: delete it, or name the detector otherwise")


def raise_refusal(manifest: Manifest, error: ApiError) -> None:
    """Raises the hindrance that an answer to a write stands for, if it stands for one."""
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    if error.quota:
        raise QuotaExceeded(f"{what}: {error.message}") from error
    if error.namespace_ending:
        raise NamespaceEnding(f"{what}: {error.message}") from error
    if error.status in (BAD_REQUEST, FORBIDDEN, INVALID):
        raise Refused(f"the API server refuses {what}: {error.message}") from error


class Children:
    """Applies and prunes children, comparing with what watches told."""

    def __init__(self, kube: Kube, store: Store, metrics: Metrics) -> None:
        self._kube = kube
        self._store = store
        self._metrics = metrics
        self._handover = Handover(kube)
        self._contention = Contention()

    async def apply_all(self, detector: Identity, manifests: Iterable[Manifest]) -> Hindrance | None:
        """Applies each manifest that differs; the first hindrance, after all have been tried.

        Where the namespace is being deleted, none is tried after the first.
        """
        first: Hindrance | None = None
        for manifest in manifests:
            try:
                await self._apply(detector, manifest)
            except NamespaceEnding as hindrance:
                return hindrance
            except Hindrance as hindrance:
                first = first or hindrance
        return first

    def unchanged(self, key: Key) -> None:
        """All children of a detector are as they were when each was compared."""
        self._metrics.children.labels("skipped").inc(len(self._store.children(key)))

    async def prune(self, detector: Identity, keep: set[ChildId]) -> None:
        """Deletes the children that are no longer wanted."""
        for identity, child in self._store.children(_key(detector)).items():
            if identity in keep or child.deleting or child.owner != detector.uid:
                continue
            kind, name = identity
            await self._kube.delete(CHILDREN[kind], detector.namespace, name, child.uid)
            self._metrics.children.labels("deleted").inc()

    async def _apply(self, detector: Identity, manifest: Manifest) -> None:
        child = self._store.child(_key(detector), child_id(manifest))
        if child is not None and child.owner != detector.uid:
            child = None
        if child is not None and self._left_alone(child, manifest, detector):
            self._metrics.children.labels("skipped").inc()
            if self._contention.is_fought_over(child.uid):
                raise await self._conflict(manifest)
            return
        if child is not None:
            known_as = child.uid, manifest["metadata"]["annotations"][DESIRED_HASH]
            if not self._contention.may_write(*known_as):
                raise await self._conflict(manifest)
            await self._handover.of_child(manifest, child, detector)
            await self._write(_only(manifest, child.uid))
            self._contention.wrote(*known_as)
        else:
            await self._write_unknown(detector, manifest)
        self._metrics.children.labels("applied").inc()

    def _left_alone(self, child: Child, manifest: Manifest, detector: Identity) -> bool:
        """Whether there is nothing to write: it holds all that we want, it ends, or it cannot be changed."""
        if child.deleting or manifest["kind"] == JOB.name:
            return True  # a Job's template is immutable, and an attempt goes on as it began
        if child.hash != manifest["metadata"]["annotations"][DESIRED_HASH]:
            return False
        if child.holds:
            return True
        fields = child.fields(detector.uid)
        if fields is None or not covered(fields, manifest):
            return False
        self._store.found_whole(_key(detector), child_id(manifest))
        return True

    async def _write_unknown(self, detector: Identity, manifest: Manifest) -> None:
        """Writes a child that the watch does not know.

        Unknown is not absent: applying unseen would take over a foreign object of this name.
        """
        kind, name = child_id(manifest)
        if await self._made(manifest):
            return
        found = await self._kube.get(CHILDREN[kind], detector.namespace, name)
        if found is None:  # gone in this moment
            await self._write(manifest)
            return
        check_owner(kind, found["metadata"], detector)
        if kind == JOB.name:
            await self._take_back(manifest, found["metadata"])
        else:
            await self._handover.of_object(manifest, found)
            await self._write(_only(manifest, found["metadata"]["uid"]))

    async def _made(self, manifest: Manifest) -> bool:
        """Whether there was nothing of this name, and now there is what the manifest says."""
        try:
            await self._write(_unless_there(manifest))
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            return False
        return True

    async def _take_back(self, manifest: Manifest, found: Manifest) -> None:
        """Puts back what makes a Job known as the detector's; its template is immutable, and stays as it began."""
        metadata = {"uid": found["uid"], **recognition(manifest["metadata"], found)}
        place = found["namespace"], found["name"]
        self._store.see_child(JOB.name, await self._kube.merge(JOB, *place, {"metadata": metadata}))

    async def _conflict(self, manifest: Manifest) -> FieldConflict:
        """Names who it is that changes the child, as the API server tells now."""
        kind, name = child_id(manifest)
        found = await self._kube.get(CHILDREN[kind], manifest["metadata"]["namespace"], name)
        managers = () if found is None else rivals(found["metadata"], manifest)
        who = ", ".join(f"`{manager}`" for manager in managers) or "somebody"
        return FieldConflict(f"{who} keeps changing what {kind} {name} must be: stop it, or let it leave {name} alone")

    async def _write(self, manifest: Manifest) -> None:
        kind = CHILDREN[manifest["kind"]]
        try:
            live = await self._kube.apply(kind, manifest, FIELD_MANAGER)
        except ApiError as error:
            await self._make_room(manifest, error)
            self._refused(manifest, error)
            raise
        self._store.see_child(kind.name, live)  # known before its event arrives

    async def _make_room(self, manifest: Manifest, error: ApiError) -> None:
        """Deletes a child of ours in which something must change that cannot, so that it is made anew."""
        kind, metadata = CHILDREN[manifest["kind"]], manifest["metadata"]
        if not error.immutable or "uid" not in metadata or kind is SECRET:
            return  # a Secret's key would be lost with it
        await self._kube.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
        self._metrics.children.labels("deleted").inc()
        self._store.forget_child(metadata["uid"])
        raise Recreated(f"{kind.name} {metadata['name']} is made anew: {error.message}") from error

    def _refused(self, manifest: Manifest, error: ApiError) -> None:
        """Raises the hindrance that the answer stands for, if any, after forgetting what it shows to be outdated."""
        uid = manifest["metadata"].get("uid")
        if uid is not None and error.status in (CONFLICT, INVALID):
            self._store.forget_child(uid)  # deleted or replaced meanwhile: look again
        raise_refusal(manifest, error)


def _key(detector: Identity) -> tuple[str, str]:
    return detector.namespace, detector.name


def recognition(wanted: Manifest, found: Manifest) -> dict[str, Any]:
    """The labels and owners by which the object is known as the detector's, beside those that others gave it."""
    (ours,) = wanted["ownerReferences"]
    others = [owner for owner in found.get("ownerReferences", ()) if owner["uid"] != ours["uid"]]
    return {"labels": wanted["labels"], "ownerReferences": [*others, ours]}


def _unless_there(manifest: Manifest) -> Manifest:
    """The manifest for an object that is yet to be made: 409 when there is one of this name, whosesoever.

    An apply that names a version makes what is not there, and changes nothing of another version.
    """
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": _NO_VERSION}}


def _only(manifest: Manifest, uid: str) -> Manifest:
    """The manifest for exactly this object: 409 when it is gone, 422 when another has its name."""
    return {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}
