"""Writing a detector's children: only what differs, never what is another's."""

from collections.abc import Iterable
from typing import Any

from pynomaly_operator.contention import Contention, Place, who
from pynomaly_operator.desired.labels import DESIRED_HASH
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import (
    CONFLICT,
    INVALID,
    ApiError,
    FieldConflict,
    Hindrance,
    NameConflict,
    NameReserved,
    NamespaceEnding,
    Recreated,
)
from pynomaly_operator.handover import Handover
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import CHILDREN, JOB, SECRET, Manifest
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.owned import covered
from pynomaly_operator.ownership import Belongs, belongs
from pynomaly_operator.refusals import raise_refusal
from pynomaly_operator.store import FIELD_MANAGER, Child, ChildId, Key, Store

_UNWANTED = "unwanted"
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


class Children:
    """Applies and prunes children, comparing with what watches told."""

    def __init__(self, kube: Kube, store: Store, metrics: Metrics, contention: Contention) -> None:
        self._kube = kube
        self._store = store
        self._metrics = metrics
        self._handover = Handover(kube)
        self._contention = contention

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

    async def prune(self, detector: Identity, keep: set[ChildId]) -> Hindrance | None:
        """Deletes the children that are no longer wanted; the first hindrance, after all have been tried."""
        first: Hindrance | None = None
        for identity, child in self._store.children(_key(detector)).items():
            if identity in keep or child.deleting or child.owner != detector.uid:
                continue
            try:
                await self._prune(detector, identity, child.uid)
            except Hindrance as hindrance:
                first = first or hindrance
        return first

    async def _prune(self, detector: Identity, child: ChildId, uid: str) -> None:
        place = Place(detector.uid, *child, _UNWANTED)
        if not self._contention.may_write(place, _UNWANTED):
            raise await self._unwanted(detector, child)
        await self._delete(detector.namespace, child, uid)
        self._store.forget_child(uid)  # what a finalizer holds is told of again; until then nobody keeps making it
        self._contention.wrote(place, _UNWANTED)

    async def _apply(self, detector: Identity, manifest: Manifest) -> None:
        child = self._store.child(_key(detector), child_id(manifest))
        if child is not None and child.owner != detector.uid:
            child = None
        place = Place(detector.uid, *child_id(manifest))
        if child is not None and self._left_alone(child, manifest, detector):
            self._metrics.children.labels("skipped").inc()
            if self._contention.is_fought_over(place):
                raise await self._conflict(manifest)
            return
        write = place, manifest["metadata"]["annotations"][DESIRED_HASH]
        if not self._contention.may_write(*write):
            raise await self._conflict(manifest)
        try:
            await self._put(detector, manifest, child)
        except Recreated:
            self._contention.wrote(*write)
            raise
        self._contention.wrote(*write)
        self._metrics.children.labels("applied").inc()

    async def _put(self, detector: Identity, manifest: Manifest, child: Child | None) -> None:
        if child is None:
            await self._write_unknown(detector, manifest)
            return
        await self._handover.of_child(manifest, child, detector)
        await self._write(_only(manifest, child.uid))

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
        try:
            live = await self._kube.merge(JOB, found["namespace"], found["name"], {"metadata": metadata})
        except ApiError as error:
            raise_refusal(manifest, error)
            raise
        self._store.see_child(JOB.name, live)

    async def _conflict(self, manifest: Manifest) -> FieldConflict:
        """Names who it is that changes the child, as the API server tells now."""
        kind, name = child_id(manifest)
        found = await self._kube.get(CHILDREN[kind], manifest["metadata"]["namespace"], name)
        if found is None:
            return FieldConflict(f"somebody keeps deleting {kind} {name}: stop it, or let it leave {name} alone")
        rival = who(found["metadata"], manifest)
        return FieldConflict(
            f"{rival} keeps changing what {kind} {name} must be: stop it, or let it leave {name} alone"
        )

    async def _unwanted(self, detector: Identity, child: ChildId) -> FieldConflict:
        """Names who it is that makes what the detector is not to have."""
        kind, name = child
        found = await self._kube.get(CHILDREN[kind], detector.namespace, name)
        rival = "somebody" if found is None else who(found["metadata"], {"metadata": {}})
        return FieldConflict(
            f"{rival} keeps making {kind} {name}, which detector {detector.name} is not to have: stop it"
        )

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
        await self._delete(metadata["namespace"], child_id(manifest), metadata["uid"])
        self._store.forget_child(metadata["uid"])
        raise Recreated(f"{kind.name} {metadata['name']} is made anew: {error.message}") from error

    async def _delete(self, namespace: str, child: ChildId, uid: str) -> None:
        kind, name = child
        try:
            await self._kube.delete(CHILDREN[kind], namespace, name, uid)
        except ApiError as error:
            raise_refusal({"kind": kind, "metadata": {"name": name}}, error)
            raise
        self._metrics.children.labels("deleted").inc()

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
