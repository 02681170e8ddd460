"""How soon a watch is asked for again, which kopf does at once when a stream ends, however often."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]

FREE = 2
"""Short watches in a row that cost no wait: a connection that is lost, and the API server's that is being replaced."""
FIRST_SECONDS = 0.25
MOST_SECONDS = 8.0
LONG_SECONDS = 10.0
"""A watch that lasted so long ended as watches do."""


@dataclass(slots=True)
class _Watch:
    began: float
    short: int = 0
    """How many in a row ended soon."""


@dataclass(frozen=True, slots=True)
class WatchPace:
    """Waits that double, by the path that is watched: an API server in trouble is asked less and less often."""

    clock: Clock
    chance: Callable[[], float] = random.random
    """From [0, 1): all watches that ended together are not to come back together."""
    _watches: dict[str, _Watch] = field(default_factory=dict)

    def wait(self, path: str) -> float:
        """The seconds, from 0 to MOST_SECONDS, to wait before this path is watched again."""
        now = self.clock()
        watch = self._watches.get(path)
        if watch is None or now - watch.began >= LONG_SECONDS:
            self._watches[path] = _Watch(now)
            return 0.0
        short = watch.short + 1
        seconds = self._seconds(short)
        self._watches[path] = _Watch(now + seconds, short)
        return seconds

    def _seconds(self, short: int) -> float:
        if short <= FREE:
            return 0.0
        longest: float = min(FIRST_SECONDS * 2.0 ** min(short - FREE - 1, 16), MOST_SECONDS)
        return longest * (0.5 + self.chance() / 2)
