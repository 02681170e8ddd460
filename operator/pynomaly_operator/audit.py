"""Comparing what the API server has with what the watches told.

kopf gives no sign that everything was listed, and never tells of objects that vanished while a watch was down. One list
of metadata a kind answers both, a page at a time, from the server's cache.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from pynomaly_operator.desired.labels import MANAGED_SELECTOR
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DETECTOR, WATCHED, Kind, Manifest
from pynomaly_operator.ownership import controller
from pynomaly_operator.scope import Scope
from pynomaly_operator.store import Key, Store

POLL_SECONDS = 0.05
POLLS = 100
"""After that many looks it is listed anew: what was listed may be gone by now, and nobody will tell of it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the API server has: detectors by uid, and children by kind and uid."""

    detectors: dict[str, Key]
    children: dict[str, set[str]]


async def listed(kube: Kube, scope: Scope) -> Listed:
    """Everything, by one list a kind and place."""
    detectors = {m["uid"]: (m["namespace"], m["name"]) async for m in _everywhere(kube, scope, DETECTOR)}
    children = {
        kind.name: {m["uid"] async for m in _everywhere(kube, scope, kind, MANAGED_SELECTOR) if _is_child(m)}
        for kind in WATCHED.values()
    }
    return Listed(detectors, children)


async def _everywhere(kube: Kube, scope: Scope, kind: Kind, selector: str = "") -> AsyncIterator[Manifest]:
    for place in scope.places:
        async for metadata in kube.metadata(kind, selector, place):
            yield metadata


def _is_child(metadata: Manifest) -> bool:
    return controller(metadata) is not None


async def watched_everything(kube: Kube, store: Store, scope: Scope) -> None:
    """Returns when the watches have told of all that existed at the call: to reconcile earlier would write it again."""
    arrived = False
    while not arrived:
        there = await listed(kube, scope)
        arrived = await _comes_true(partial(_complete, there, store))


async def caught_up(kube: Kube, store: Store, scope: Scope) -> None:
    """Returns when the watches have told of every detector as it was at the call, a predecessor's last words included.

    Children need no such wait: to apply one again changes nothing, while a status is made of the one before.
    """
    arrived = False
    while not arrived:
        there = {m["uid"]: int(m["resourceVersion"]) async for m in _everywhere(kube, scope, DETECTOR)}
        arrived = await _comes_true(partial(_known, there, store))


async def _comes_true(check: Callable[[], bool]) -> bool:
    for _ in range(POLLS):
        if check():
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False


def _known(there: Mapping[str, int], store: Store) -> bool:
    known = {detector.uid: detector.resource_version for detector in store.detectors.values()}
    return all(known.get(uid, -1) >= version for uid, version in there.items())


def _complete(there: Listed, store: Store) -> bool:
    known = {detector.uid for detector in store.detectors.values()}
    if not known.issuperset(there.detectors):
        return False
    return all(uids.issubset(store.uids(kind)) for kind, uids in there.children.items())


async def forget_ghosts(kube: Kube, store: Store, scope: Scope) -> set[Key]:
    """Forgets what vanished unnoticed; the detectors that are to be reconciled for it."""
    # What is known before the lists began and is not in them has gone; what came since is not compared.
    detectors = {key: detector.uid for key, detector in store.detectors.items()}
    children = {kind: set(store.uids(kind)) for kind in WATCHED}
    there = await listed(kube, scope)
    for key, uid in detectors.items():
        if uid not in there.detectors and key in store.detectors:
            _forget_detector(store, key, uid)
    gone = (uid for kind, uids in children.items() for uid in uids - there.children[kind])
    return _forget_children(store, gone)


def _forget_detector(store: Store, key: Key, uid: str) -> None:
    if store.detectors[key].uid == uid:
        store.forget_detector(key)


def _forget_children(store: Store, uids: Iterable[str]) -> set[Key]:
    return {key for uid in uids if (key := store.forget_child(uid)) is not None}
