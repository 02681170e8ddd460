"""Comparing what the API server has with what the watches told.

kopf gives no sign that everything was listed, and never tells of objects that vanished while a watch was down; and what
a watch has lost it never tells again. One list of metadata a kind answers all three, a page at a time, from the
server's cache.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from pynomaly_operator.desired.labels import MANAGED_SELECTOR
from pynomaly_operator.errors import HistoryWentBack
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DETECTOR, WATCHED, Kind, Manifest
from pynomaly_operator.ownership import controller
from pynomaly_operator.scope import Scope
from pynomaly_operator.store import Key, Store

POLL_SECONDS = 0.05
POLLS = 100
"""After that many looks it is listed anew: what was listed may be gone by now, and nobody will tell of it."""
LATE_SECONDS = 1.0
"""What a watch has not told so long after a list is asked for by name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a list."""

    namespace: str
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What the API server has: detectors by uid, and children by kind and uid."""

    detectors: dict[str, Entry]
    children: dict[str, dict[str, Entry]]


async def listed(kube: Kube, scope: Scope) -> Listed:
    """Everything, by one list a kind and place."""
    detectors = {m["uid"]: _entry(m) async for m in _everywhere(kube, scope, DETECTOR)}
    children = {
        kind.name: {m["uid"]: _entry(m) async for m in _everywhere(kube, scope, kind, MANAGED_SELECTOR) if _is_child(m)}
        for kind in WATCHED.values()
    }
    return Listed(detectors, children)


def _entry(metadata: Manifest) -> Entry:
    return Entry(metadata["namespace"], metadata["name"], int(metadata["resourceVersion"]))


async def _everywhere(kube: Kube, scope: Scope, kind: Kind, selector: str = "") -> AsyncIterator[Manifest]:
    for place in scope.places:
        async for metadata in kube.metadata(kind, selector, place):
            yield metadata


def _is_child(metadata: Manifest) -> bool:
    return controller(metadata) is not None


async def watched_everything(kube: Kube, store: Store, scope: Scope) -> set[Key]:
    """Returns when the watches have told of all that existed at the call: to reconcile earlier would write it again.

    What they do not tell is looked at; of the detectors that are returned nobody has heard otherwise.
    """
    arrived, missed = False, set[Key]()
    while not arrived:
        there = await listed(kube, scope)
        arrived = await _comes_true(partial(_complete, there, store))
        if not arrived:
            missed |= await _see_missed(kube, store, there)
    return missed


async def caught_up(kube: Kube, store: Store, scope: Scope) -> set[Key]:
    """Returns when the watches have told of every detector as it was at the call, a predecessor's last words included.

    Children need no such wait: to apply one again changes nothing, while a status is made of the one before. Of the
    detectors that are returned nobody has heard otherwise. Raises HistoryWentBack.
    """
    arrived, missed = False, set[Key]()
    while not arrived:
        latest = store.latest()
        there = Listed({m["uid"]: _entry(m) async for m in _everywhere(kube, scope, DETECTOR)}, {})
        _check_history(latest, there)
        arrived = await _comes_true(partial(_known, there, store))
        if not arrived:
            missed |= await _see_missed(kube, store, there)
    return missed


async def _comes_true(check: Callable[[], bool]) -> bool:
    for _ in range(POLLS):
        if check():
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False


def _known(there: Listed, store: Store) -> bool:
    known = {detector.uid: detector.resource_version for detector in store.detectors.values()}
    return all(known.get(uid, -1) >= entry.version for uid, entry in there.detectors.items())


def _complete(there: Listed, store: Store) -> bool:
    known = {detector.uid for detector in store.detectors.values()}
    if not known.issuperset(there.detectors):
        return False
    return all(store.knows(uid) for uids in there.children.values() for uid in uids)


async def make_good(kube: Kube, store: Store, scope: Scope) -> set[Key]:
    """Forgets what vanished unnoticed, and sees what changed unnoticed; the detectors that are to be reconciled.

    Raises HistoryWentBack.
    """
    # What is known before the lists began and is not in them has gone; what came since is not compared.
    detectors = {key: detector.uid for key, detector in store.detectors.items()}
    children = {kind: set(store.uids(kind)) for kind in WATCHED}
    latest = store.latest()
    there = await listed(kube, scope)
    _check_history(latest, there)
    for key, uid in detectors.items():
        if uid not in there.detectors and key in store.detectors:
            _forget_detector(store, key, uid)
    gone = (uid for kind, uids in children.items() for uid in uids - there.children[kind].keys())
    forgotten = _forget_children(store, gone)
    if next(_missed(store, there), None) is None:
        return forgotten
    await asyncio.sleep(LATE_SECONDS)
    return forgotten | await _see_missed(kube, store, there)


def _check_history(latest: Mapping[str, int], there: Listed) -> None:
    """Raises when an object is older in a list than it was known to be before: such lists are of the newest state."""
    for kind, entries in ((DETECTOR.name, there.detectors), *there.children.items()):
        for uid, entry in entries.items():
            if entry.version < latest.get(uid, -1):
                what = f"{kind} {entry.namespace}/{entry.name}"
                raise HistoryWentBack(
                    f"{what} was known up to resourceVersion {latest[uid]}, and is listed at {entry.version}: etcd was "
                    "restored from a backup, and nothing of what is known holds any more; the process is to begin anew"
                )


def _missed(store: Store, there: Listed) -> Iterator[tuple[Kind, Entry]]:
    """What is older in the store than in the list, or not there at all."""
    for uid, entry in there.detectors.items():
        known = store.detectors.get((entry.namespace, entry.name))
        if known is None or (known.uid == uid and known.resource_version < entry.version):
            yield DETECTOR, entry
    for kind, entries in there.children.items():
        versions = store.versions(kind)
        yield from ((WATCHED[kind], entry) for uid, entry in entries.items() if versions.get(uid, -1) < entry.version)


async def _see_missed(kube: Kube, store: Store, there: Listed) -> set[Key]:
    """Looks at it by name; the detectors for which that changes something."""
    found: set[Key | None] = set()
    for kind, entry in list(_missed(store, there)):
        if kind is DETECTOR:
            found |= {store.see_detector(body) for body in await _named(kube, entry)}
        elif (body := await kube.get(kind, entry.namespace, entry.name)) is not None:
            found.update(store.see_child(kind.name, body))
    return {key for key in found if key is not None}


async def _named(kube: Kube, entry: Entry) -> list[Manifest]:
    """The detector, by a list: the operator has no right to get one."""
    return await kube.list(DETECTOR, entry.namespace, fieldSelector=f"metadata.name={entry.name}")


def _forget_detector(store: Store, key: Key, uid: str) -> None:
    if store.detectors[key].uid == uid:
        store.forget_detector(key)


def _forget_children(store: Store, uids: Iterable[str]) -> set[Key]:
    return {key for uid in uids if (key := store.forget_child(uid)) is not None}
