"""When each watch was last heard, which kopf does not tell.

The API server sends a bookmark about once a minute, so a watch that says nothing for minutes is dead, however open its
connection looks. kopf then connects anew; where that does not help, a new process may.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

Clock = Callable[[], float]


class WatchActivity:
    """The watches of this process, by the path that each watches."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[str, float] = {}

    def asked(self, path: str) -> None:
        """A watch is asked for: from now on it is missed, but to be asked for again is no sign of life."""
        self._heard.setdefault(path, self._clock())

    def heard(self, path: str) -> None:
        """Something came: an event, or a bookmark."""
        self._heard[path] = self._clock()

    def silence(self) -> tuple[str, float]:
        """The watch that has been silent longest, and for how many seconds; 0 when there is none."""
        if not self._heard:
            return "", 0.0
        path = min(self._heard, key=self._heard.__getitem__)
        return path, self._clock() - self._heard[path]

    def listen(self, path: str, response: aiohttp.ClientResponse) -> None:
        """Notes whatever comes in the answer to a watch."""
        # The response offers no such hook, and kopf reads nothing but this attribute.
        response.content = _Heard(response.content, lambda: self.heard(path))  # type: ignore[assignment]


class _Heard:
    """A response's stream that tells when something comes."""

    def __init__(self, stream: aiohttp.StreamReader, heard: Callable[[], None]) -> None:
        self._stream = stream
        self._tell = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """See `aiohttp.StreamReader.iter_chunked`."""
        async for data in self._stream.iter_chunked(size):
            self._tell()
            yield data
