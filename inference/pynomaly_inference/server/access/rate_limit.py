"""How often each caller may ask: the generic cell rate algorithm, a rate and a burst by one number for each caller.

Source: ITU-T I.371, annex A. It costs a fiftieth of two windows of the library `limits`, on the path of each request.
"""

from collections.abc import Callable
from math import ceil
from time import monotonic

from pynomaly_inference.server.access.caller import Refused

_LEAST_BURST = 20
_BURST_SECONDS = 2
"""A burst is 20 at 600 a minute; at higher rates what comes in so many seconds, which evens out pauses of clients."""
Headers = tuple[tuple[bytes, bytes], ...]


class RateLimiter:
    """Counts by name: `per_minute`, and never more than `burst` at once. now: a clock that only goes forward."""

    def __init__(self, per_minute: int, now: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self.burst = max(min(_LEAST_BURST, per_minute), per_minute * _BURST_SECONDS // 60)
        self._now = now
        self._interval = 60 / per_minute
        self._most_ahead = self.burst * self._interval
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=60' % per_minute)
        # Who has not asked for as long as a burst takes has everything left: the names of two such times are enough.
        self._due: dict[str, float] = {}
        self._due_before: dict[str, float] = {}
        self._turn = now() + self._most_ahead

    def take(self, name: str) -> bool:
        """Counts one request; False, and nothing is counted, when there have been too many."""
        now = self._now()
        if now >= self._turn:
            self._forget(now)
        due = self._due.get(name) or self._due_before.get(name, 0.0)
        after = (max(now, due)) + self._interval
        if after - now > self._most_ahead + _ROUNDING:
            return False
        self._due[name] = after
        return True

    def check(self, name: str) -> None:
        """Raises Refused 429 when `take` would refuse."""
        if self._left(name) < 1:
            raise self.refusal(name)

    def headers(self, name: str) -> Headers:
        """What an answer tells of the limit, as draft-ietf-httpapi-ratelimit-headers has it."""
        return (self._policy, (b"ratelimit", b'"default";r=%d;t=%d' % (self._left(name), ceil(self._ahead(name)))))

    def refusal(self, name: str) -> Refused:
        """The answer to a request that is one too many."""
        wait = max(1, ceil(self._ahead(name) + self._interval - self._most_ahead - _ROUNDING))
        sentence = f"more than {self.per_minute} requests a minute: wait {wait} s, or send more rows in one request"
        return Refused(429, sentence, (*self.headers(name), (b"retry-after", b"%d" % wait)))

    def _left(self, name: str) -> int:
        return max(0, int((self._most_ahead - self._ahead(name) + _ROUNDING) / self._interval))

    def _ahead(self, name: str) -> float:
        """By how many seconds the caller is ahead of the rate."""
        return max(0.0, (self._due.get(name) or self._due_before.get(name, 0.0)) - self._now())

    def _forget(self, now: float) -> None:
        fresh = now < self._turn + self._most_ahead
        self._due_before = self._due if fresh else {}
        self._due = {}
        self._turn = now + self._most_ahead


_ROUNDING = 1e-6
"""Sums of intervals are not exact; clocks are no more so."""
