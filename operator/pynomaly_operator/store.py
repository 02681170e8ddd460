"""What the operator remembers of the cluster: per detector its spec and status, per child a few facts.

Fed by watch events and by the answers to our own writes; the resourceVersion decides which is newer. Comparing it as a
number is promised since Kubernetes 1.35, and has always been true of objects in etcd.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from pynomaly_operator.deletions import Deletions
from pynomaly_operator.desired.labels import ASKED_HASH, DESIRED_HASH, RETRAIN
from pynomaly_operator.manifest import SECRET, Manifest
from pynomaly_operator.observed import DeploymentFacts, JobFacts, deployment_facts, job_facts, moment
from pynomaly_operator.owned import Fields, applied_fields, made_fields
from pynomaly_operator.ownership import controller

FIELD_MANAGER = "pynomaly"

Key = tuple[str, str]
"""Namespace and name of a detector."""
ChildId = tuple[str, str]
"""Kind and name of a child."""


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector as last seen."""

    uid: str
    resource_version: int
    generation: int
    created: datetime
    spec: Manifest
    status: Manifest
    deleting: bool
    retrain: str | None
    """What its annotation of this name says."""


@dataclass(frozen=True, slots=True)
class Child:
    """A child as last seen."""

    uid: str
    owner: str
    """The uid of the detector that controls it."""
    resource_version: int
    hash: str | None
    packed_fields: bytes | None
    """What we applied, or made it with, as JSON with the detector's uid taken out: a thousand share a few values."""
    facts: DeploymentFacts | JobFacts | None
    deleting: bool
    asked: str | None
    """Tells what the resource asked of it from what the operator's version and settings did."""
    holds: bool = field(default=False, compare=False)
    """Whether it was found to hold all that its hash stands for; False: nobody has looked."""

    def fields(self, uid: str) -> Fields | None:
        """What we applied; `uid` is the detector's."""
        if self.packed_fields is None:
            return None
        fields: Fields = json.loads(self.packed_fields.replace(_UID_MARK, uid.encode()))
        return fields


_UID_MARK = b"\x00uid\x00"


class Store:
    """What was seen. Every method is quick and does no I/O."""

    def __init__(self) -> None:
        self.detectors: dict[Key, Detector] = {}
        self._children: dict[Key, dict[ChildId, Child]] = {}
        self._owners: dict[str, tuple[Key, ChildId]] = {}
        self._fields: dict[bytes, bytes] = {}
        self._busy: dict[str, dict[str, Key]] = {}
        self._deletions = Deletions()
        self._revisions: dict[Key, int] = {}
        self._changes = count(1)

    def revision(self, key: Key) -> int:
        """Another number whenever something else is known of the detector or of its children."""
        return self._revisions.get(key, 0)

    def children(self, key: Key) -> dict[ChildId, Child]:
        """The known children of a detector, a copy."""
        return dict(self._children.get(key, {}))

    def child(self, key: Key, child: ChildId) -> Child | None:
        """One child, when it is known."""
        return self._children.get(key, {}).get(child)

    def busy(self, kind: str) -> set[Key]:
        """The detectors with a Job that has not ended, or with a Deployment that rolls."""
        return set(self._busy.get(kind, {}).values())

    def knows(self, uid: str) -> bool:
        """Whether this is a known child."""
        return uid in self._owners

    def uids(self, kind: str) -> Iterator[str]:
        """The uids of all known children of a kind."""
        return (uid for uid, (_, child) in self._owners.items() if child[0] == kind)

    def versions(self, kind: str) -> dict[str, int]:
        """The resourceVersions of all known children of a kind, by uid."""
        return {
            uid: self._children[key][child].resource_version
            for uid, (key, child) in self._owners.items()
            if child[0] == kind
        }

    def latest(self) -> dict[str, int]:
        """The resourceVersion up to which each object is known, by uid, of those that went lately too."""
        detectors = {detector.uid: detector.resource_version for detector in self.detectors.values()}
        children = (child for ours in self._children.values() for child in ours.values())
        return {**self._deletions.versions, **detectors, **{child.uid: child.resource_version for child in children}}

    def see_detector(self, body: Manifest) -> Key | None:
        """Takes note of a detector; its key when something changed that matters."""
        metadata = body["metadata"]
        key = sys.intern(metadata["namespace"]), sys.intern(metadata["name"])
        known, version = self.detectors.get(key), int(metadata["resourceVersion"])
        if self._deletions.follow(metadata) or (known is not None and version <= known.resource_version):
            return None
        seen = Detector(
            uid=metadata["uid"],
            resource_version=version,
            generation=metadata["generation"],
            created=moment(metadata["creationTimestamp"]),
            spec=body.get("spec", {}),
            status=body.get("status", {}),
            deleting="deletionTimestamp" in metadata,
            retrain=metadata.get("annotations", {}).get(RETRAIN),
        )
        self.detectors[key] = seen
        self._changed(key)
        return key if known is None or _differ(known, seen) else None

    def detector_deleted(self, metadata: Manifest) -> None:
        """It is gone, as it was last; another of its name is not."""
        self._deletions.note(metadata)
        key = metadata["namespace"], metadata["name"]
        if key in self.detectors and self.detectors[key].uid == metadata["uid"]:
            self.forget_detector(key)

    def forget_detector(self, key: Key) -> None:
        """The detector is gone; its children follow when the garbage collector takes them."""
        self.detectors.pop(key, None)
        self._revisions.pop(key, None)
        for (kind, _), child in self.children(key).items():
            if kind == SECRET.name:  # of which no watch tells
                self.forget_child(child.uid)

    def see_child(self, kind: str, body: Manifest) -> tuple[Key, ...]:
        """Takes note of a child; the detectors for which something changed that matters: two when it changed hands."""
        metadata = body["metadata"]
        if self._deletions.follow(metadata):
            return ()
        owner = controller(metadata)
        if owner is None:  # somebody took the reference away: it is looked at afresh
            return _keys(self.forget_child(metadata["uid"]))
        key = sys.intern(metadata["namespace"]), sys.intern(owner.name)
        child_id = sys.intern(kind), metadata["name"]
        before = self._owners.get(metadata["uid"], (key, child_id))[0]
        known = self.child(before, child_id)
        if known is not None and int(metadata["resourceVersion"]) <= known.resource_version:
            return ()  # such as the event of a write whose answer told all
        if before != key:
            return *_keys(self.forget_child(metadata["uid"])), *self.see_child(kind, body)
        seen = self._child(kind, body, owner.uid)
        if known is not None and known.uid != seen.uid:
            self._owners.pop(known.uid, None)
            self._busy.get(kind, {}).pop(known.uid, None)
        if seen.facts is not None and seen.facts.busy:
            self._busy.setdefault(kind, {})[seen.uid] = key
        else:
            self._busy.get(kind, {}).pop(seen.uid, None)
        self._children.setdefault(key, {})[child_id] = seen
        self._owners[seen.uid] = key, child_id
        self._changed(key)
        return (key,) if known is None or _child_differs(known, seen) else ()

    def found_whole(self, key: Key, child: ChildId) -> None:
        """The child, as it is known now, holds all that its hash stands for."""
        self._children[key][child] = replace(self._children[key][child], holds=True)

    def child_deleted(self, metadata: Manifest) -> Key | None:
        """The child is gone, or lost its labels, at this resourceVersion; its detector's key when it was known."""
        self._deletions.note(metadata)
        return self.forget_child(metadata["uid"])

    def forget_child(self, uid: str) -> Key | None:
        """The child is gone, or is a child no more; its detector's key when it was known."""
        if uid not in self._owners:
            return None
        key, child_id = self._owners.pop(uid)
        self._changed(key)
        self._busy.get(child_id[0], {}).pop(uid, None)
        ours = self._children[key]
        del ours[child_id]
        if not ours:
            del self._children[key]
        return key

    def _changed(self, key: Key) -> None:
        if key in self.detectors:
            self._revisions[key] = next(self._changes)

    def _child(self, kind: str, body: Manifest, owner_uid: str) -> Child:
        metadata = body["metadata"]
        fields = applied_fields(metadata, FIELD_MANAGER) or made_fields(metadata, FIELD_MANAGER)
        packed = None
        if fields is not None:
            packed = json.dumps(fields, separators=(",", ":")).encode().replace(owner_uid.encode(), _UID_MARK)
            packed = self._fields.setdefault(packed, packed)
        return Child(
            uid=metadata["uid"],
            owner=sys.intern(owner_uid),
            resource_version=int(metadata["resourceVersion"]),
            hash=metadata.get("annotations", {}).get(DESIRED_HASH),
            packed_fields=packed,
            facts=_facts(kind, body),
            deleting="deletionTimestamp" in metadata,
            asked=metadata.get("annotations", {}).get(ASKED_HASH),
        )


def _keys(key: Key | None) -> tuple[Key, ...]:
    return () if key is None else (key,)


def _differ(one: Detector, other: Detector) -> bool:
    return replace(one, resource_version=other.resource_version) != other


def _child_differs(one: Child, other: Child) -> bool:
    return replace(one, resource_version=other.resource_version) != other


def _facts(kind: str, body: Manifest) -> DeploymentFacts | JobFacts | None:
    if kind == "Deployment":
        return deployment_facts(body)
    if kind == "Job":
        return job_facts(body)
    return None
