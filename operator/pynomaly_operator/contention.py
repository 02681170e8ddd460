"""Who keeps changing what we keep putting back: a fight over a field costs fewer and fewer writes, and is told of."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
_OURS = frozenset({FIELD_MANAGER, HANDOVER_MANAGER})


@dataclass(frozen=True, slots=True)
class _Writes:
    hash: str
    count: int
    last: float

    @property
    def wait(self) -> float:
        """Seconds until the next write may come."""
        over = self.count - FREE_WRITES
        return 0.0 if over < 0 else min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(over, 9))

    def is_old(self, now: float) -> bool:
        """Whether it has lasted so long since that another write begins anew."""
        return now - self.last > 2 * max(self.wait, FIRST_WAIT)


class Contention:
    """Remembers how often each child was written without having changed here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._writes: dict[str, _Writes] = {}

    def may_write(self, uid: str, manifest_hash: str) -> bool:
        """Whether this manifest may be written to the child with this uid now."""
        known = self._current(uid, manifest_hash)
        return known is None or self._clock() - known.last >= known.wait

    def wrote(self, uid: str, manifest_hash: str) -> None:
        """The manifest was written to the child."""
        now, known = self._clock(), self._current(uid, manifest_hash)
        if len(self._writes) >= _REMEMBERED:
            self._writes = {other: one for other, one in self._writes.items() if not one.is_old(now)}
        self._writes[uid] = _Writes(manifest_hash, 1 if known is None else known.count + 1, now)

    def _current(self, uid: str, manifest_hash: str) -> _Writes | None:
        known = self._writes.get(uid)
        return None if known is None or known.hash != manifest_hash or known.is_old(self._clock()) else known

    def is_fought_over(self, uid: str) -> bool:
        """Whether a child that is as it should be was fought over a moment ago."""
        known = self._writes.get(uid)
        return known is not None and known.count > FREE_WRITES and self._clock() - known.last < QUIET


def rivals(metadata: Manifest, manifest: Manifest) -> tuple[str, ...]:
    """The managers that hold what the manifest sets and we do not; where nobody does, who wrote last."""
    ours = applied_fields(metadata, FIELD_MANAGER)
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
