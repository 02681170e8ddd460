"""Comparing what the API server has with what the watches told.

kopf gives no sign that everything was listed, and never tells of objects that vanished while a watch was down. One list
of metadata a kind answers both, a page at a time, from the server's cache.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from pynomaly_operator.desired.labels import MANAGED_SELECTOR
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DETECTOR, WATCHED, Manifest
from pynomaly_operator.ownership import controller
from pynomaly_operator.store import Key, Store

POLL_SECONDS = 0.05
POLLS = 100
"""After that many looks it is listed anew: what was listed may be gone by now, and nobody will tell of it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the API server has: detectors by uid, and children by kind and uid."""

    detectors: dict[str, Key]
    children: dict[str, set[str]]


async def listed(kube: Kube) -> Listed:
    """Everything, by one list a kind."""
    detectors = {m["uid"]: (m["namespace"], m["name"]) async for m in kube.metadata(DETECTOR)}
    children = {
        kind.name: {m["uid"] async for m in kube.metadata(kind, MANAGED_SELECTOR) if _is_child(m)}
        for kind in WATCHED.values()
    }
    return Listed(detectors, children)


def _is_child(metadata: Manifest) -> bool:
    return controller(metadata) is not None


async def watched_everything(kube: Kube, store: Store) -> None:
    """Returns when the watches have told of all that existed at the call: to reconcile earlier would write it again."""
    while not await _arrived(await listed(kube), store):
        pass


async def _arrived(there: Listed, store: Store) -> bool:
    for _ in range(POLLS):
        if not _missing(there, store):
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False


def _missing(there: Listed, store: Store) -> set[str]:
    known = {detector.uid for detector in store.detectors.values()}
    missing = set(there.detectors) - known
    for kind, uids in there.children.items():
        missing |= uids - set(store.uids(kind))
    return missing


async def forget_ghosts(kube: Kube, store: Store) -> set[Key]:
    """Forgets what vanished unnoticed; the detectors that are to be reconciled for it."""
    # What is known before the lists began and is not in them has gone; what came since is not compared.
    detectors = {key: detector.uid for key, detector in store.detectors.items()}
    children = {kind: set(store.uids(kind)) for kind in WATCHED}
    there = await listed(kube)
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
