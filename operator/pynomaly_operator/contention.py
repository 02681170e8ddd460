"""Who keeps changing what we keep putting back: a fight over a field costs fewer and fewer writes, and is told of."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pynomaly_operator.handover import HANDOVER_MANAGER
from pynomaly_operator.manifest import Manifest
from pynomaly_operator.owned import Fields, applied_fields, content, item_node
from pynomaly_operator.store import FIELD_MANAGER

FREE_WRITES = 5
"""So often in a row the same manifest is written at once; people who edit by hand never get there."""
FIRST_WAIT = 10.0
LONGEST_WAIT = 300.0
QUIET = 5.0
"""Seconds that what was put back must stay so, after a fight, until it is over."""
_REMEMBERED = 1000
_TIDIED_EVERY = 60.0
_OURS = frozenset({FIELD_MANAGER, HANDOVER_MANAGER})


class Place(NamedTuple):
    """What is written to. No uid of its own: one that is made anew again and again is fought over, too."""

    detector_uid: str
    kind: str
    name: str
    part: str = ""
    """What of it, where several things are written to one object, each for reasons of its own."""


@dataclass(frozen=True, slots=True)
class _Writes:
    hash: str
    count: int
    last: float
    told: bool = False

    @property
    def wait(self) -> float:
        """Seconds until the next write may come."""
        over = self.count - FREE_WRITES
        return 0.0 if over < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(over, 9))

    def is_old(self, now: float) -> bool:
        """Whether it has lasted so long since that another write begins anew."""
        return now - self.last > 2 * max(self.wait, FIRST_WAIT)


class Contention:
    """Remembers how often each place was written to without what is wanted of it having changed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._writes: dict[Place, _Writes] = {}
        self._tidied = clock()

    def may_write(self, place: Place, wanted_hash: str) -> bool:
        """Whether what has this hash may be written there now."""
        known = self._current(place, wanted_hash)
        return known is None or self._clock() - known.last >= known.wait

    def wrote(self, place: Place, wanted_hash: str) -> None:
        """It was written there."""
        now, known = self._clock(), self._current(place, wanted_hash)
        self._writes[place] = _Writes(wanted_hash, 1 if known is None else known.count + 1, now)
        if len(self._writes) > _REMEMBERED and now - self._tidied > _TIDIED_EVERY:
            self._tidied = now
            self._writes = {other: one for other, one in self._writes.items() if not one.is_old(now)}

    def _current(self, place: Place, wanted_hash: str) -> _Writes | None:
        known = self._writes.get(place)
        return None if known is None or known.hash != wanted_hash or known.is_old(self._clock()) else known

    def is_fought_over(self, place: Place) -> bool:
        """Whether a place that is as it should be was fought over a moment ago."""
        known = self._writes.get(place)
        return known is not None and known.count > FREE_WRITES and self._clock() - known.last < QUIET

    def is_news(self, place: Place) -> bool:
        """Whether nobody has asked since the last write: so a fight is not told of more often than it costs a write."""
        known = self._writes.get(place)
        if known is None or known.told:
            return False
        self._writes[place] = replace(known, told=True)
        return True


def who(metadata: Manifest, manifest: Manifest, subresource: str = "") -> str:
    """The rivals as a sentence begins with them."""
    return ", ".join(f"`{manager}`" for manager in rivals(metadata, manifest, subresource)) or "somebody"


def rivals(metadata: Manifest, manifest: Manifest, subresource: str = "") -> tuple[str, ...]:
    """The managers that hold what the manifest sets and we do not; where nobody does, who wrote last."""
    ours = applied_fields(metadata, FIELD_MANAGER, subresource)
    others = [entry for entry in metadata.get("managedFields", ()) if entry["manager"] not in _OURS]
    wanted = content(manifest)
    holding = {entry["manager"] for entry in others if _takes(entry.get("fieldsV1", {}), ours, wanted)}
    if holding:
        return tuple(sorted(holding))
    last = max(others, key=lambda entry: str(entry.get("time", "")), default=None)
    return () if last is None else (str(last["manager"]),)


def _takes(theirs: Fields, ours: Fields | None, value: object) -> bool:
    """Whether they hold a part of the value that we do not; `ours` None: we hold none of it."""
    if ours is not None and not ours:
        return False  # the whole of it is ours
    if not theirs:
        return ours is None
    return any(
        _takes(theirs[path], None if ours is None else ours.get(path), part) for path, part in _parts(theirs, value)
    )


def _parts(theirs: Fields, value: object) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(f"f:{name}", part) for name, part in value.items() if f"f:{name}" in theirs]
    if isinstance(value, list | tuple):
        found = ((item_node(theirs, item), item) for item in value)
        return [(path, item) for path, item in found if path is not None]
    return []
