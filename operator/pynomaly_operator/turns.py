"""So many detectors at a time may do something; the others wait in line, and who has waited longest is next.

Who is at it is observed in the cluster, never counted here: a restart forgets nothing that matters. A detector that
cannot use its turn leaves the line until its next pass, so it keeps nobody waiting.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime

from pynomaly_operator.store import Key

_Place = tuple[datetime, Key]


class Turns:
    """Each pass for a detector may take a turn once, and ends with `passed`."""

    def __init__(
        self, most: int, busy: Callable[[], AbstractSet[Key]], queued: Callable[[], Iterable[_Place]] = tuple
    ) -> None:
        """`busy` are the detectors that are at it now; `queued` those that waited before this start, and since when."""
        self.most = most
        self._busy = busy
        self._queued = queued
        self._line: list[_Place] | None = None
        self._since: dict[Key, datetime] = {}
        self._taken: set[Key] = set()
        self._asked: set[Key] = set()
        self._wake: Callable[[Key], None] = lambda _: None

    def on_free(self, wake: Callable[[Key], None]) -> None:
        """Who is next in line is told to `wake` as soon as there is room."""
        self._wake = wake

    def take(self, key: Key, since: datetime) -> int | None:
        """None: it is this detector's turn, until its pass ends; else how many have waited longer.

        `since` tells when a detector that is not in line yet began to wait.
        """
        line = self._begun()
        if key not in self._since:
            self._since[key] = since
            insort(line, (since, key))
        self._asked.add(key)
        ahead = bisect_left(line, (self._since[key], key))
        if ahead >= self._room(key):
            return ahead
        self._leave(key)
        self._taken.add(key)
        return None

    def waits(self, key: Key) -> bool:
        """Whether this detector is in line."""
        return key in self._since

    def passed(self, key: Key) -> None:
        """A pass for this detector ended: what it began is observed by now, and who did not ask waits no longer."""
        if key not in self._asked:
            self._leave(key)
        self._asked.discard(key)
        self._taken.discard(key)
        if self._since and (room := self._room()) > 0:
            for _, following in self._begun()[:room]:
                self._wake(following)

    def _begun(self) -> list[_Place]:
        if self._line is None:
            self._line = sorted(self._queued())
            self._since = {key: since for since, key in self._line}
        return self._line

    def _room(self, key: Key | None = None) -> int:
        return self.most - len((self._busy() | self._taken) - {key})

    def _leave(self, key: Key) -> None:
        since = self._since.pop(key, None)
        if since is not None:
            line = self._begun()
            del line[bisect_left(line, (since, key))]


def about(count: int) -> str:
    """The number for a message: one digit and zeros, so that a status is not written for each step of a long line."""
    unit = int(10 ** (len(str(count)) - 1))
    return str(count) if unit == 1 else f"at least {count // unit * unit}"
