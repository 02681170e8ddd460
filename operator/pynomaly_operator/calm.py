"""Detectors for which there was nothing to do, and of which nothing has changed since: they cost one GET a look.

Most of the time this is all of them. What no watch would tell is their Secret, and the time at which something is due.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.manifest import SECRET
from pynomaly_operator.store import Detector, Key, Store

LOOKS_A_SECOND = 25.0
"""The most; with more detectors each is looked at less often."""


@dataclass(frozen=True, slots=True)
class _Calm:
    revision: int
    due: datetime | None
    """When there is something to do again though nothing changes."""
    looked: datetime
    """When this was so. In the future: the clock was put back, and `due` is of the clock before."""


class Calm:
    """Remembers what the last full pass for each detector found."""

    def __init__(self, store: Store, look_at_key: Callable[[Identity], Awaitable[object]], resync: float) -> None:
        """`look_at_key` tells the store of the Secret; `resync`: seconds between looks at one of few detectors."""
        self._store = store
        self._look_at_key = look_at_key
        self._resync = resync
        self._known: dict[Key, _Calm] = {}

    def note(self, key: Key, revision: int, due: datetime | None, now: datetime) -> None:
        """A full pass, that began at this revision of what is known, found nothing to do until `due`."""
        if self._store.revision(key) == revision:
            self._known[key] = _Calm(revision, due, now)

    def forget(self, key: Key) -> None:
        """The detector is gone, or is going."""
        self._known.pop(key, None)

    async def look(self, key: Key, seen: Detector, now: datetime) -> float | None:
        """Seconds until the next look; None: something has changed or is due, so a full pass is."""
        known = self._known.pop(key, None)
        if known is None or now < known.looked or (known.due is not None and known.due <= now):
            return None
        if known.revision != self._store.revision(key):
            return None
        if any(kind == SECRET.name for kind, _ in self._store.children(key)):
            await self._look_at_key(Identity(*key, seen.uid))
        if known.revision != self._store.revision(key):
            return None
        self._known[key] = replace(known, looked=now)
        wait = self.wait()
        return wait if known.due is None else min(wait, (known.due - now).total_seconds())

    def wait(self) -> float:
        """Seconds until a detector that is calm is looked at; others' looks are at other times."""
        resync = max(self._resync, len(self._store.detectors) / LOOKS_A_SECOND)
        return resync * random.uniform(2 / 3, 4 / 3)  # noqa: S311 - spreads load, hides nothing
