"""What keeps a write from leaving this process when another may be the leader by now.

The clock is looked at when the connection is there and the request is about to be written: a process that was stopped
(SIGSTOP, a paused machine) while it waited for one must not go on to write. What has left cannot be called back, so the
time that is left also bounds how long a write may take.
"""

from typing import Any, Protocol

import aiohttp

from pynomaly_operator.errors import ApiError

READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Fence(Protocol):
    """Whether this process may write."""

    def remaining(self) -> float:
        """For how many more seconds no other process can be the leader; 0 or less: it may be one now."""
        ...


class Open:
    """The fence of one who asks nobody: always open."""

    def remaining(self) -> float:
        """See `Fence.remaining`."""
        return float("inf")


class NotLeading(ApiError):
    """A write that was not sent."""

    def __init__(self) -> None:
        super().__init__(0, "not sent, for this process does not lead")


def check(fence: Fence, method: str) -> None:
    """Raises NotLeading for a write that may not start now."""
    if method not in READS and fence.remaining() <= 0:
        raise NotLeading


def seconds_for(fence: Fence, method: str, most: float) -> float:
    """How long a request that starts now may take: a write ends before another process can lead."""
    return most if method in READS else min(most, max(fence.remaining(), 0.0))


def fenced(fence: Fence) -> type[aiohttp.ClientRequest]:
    """What an aiohttp session makes its requests of, so that each asks the fence last."""

    class Fenced(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            check(fence, self.method)
            return await super().send(conn)

    return Fenced
