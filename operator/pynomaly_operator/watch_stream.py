"""The events of a watch, taken from its stream before kopf sees them.

kopf starts a task, copies and remembers something for every object, of which nothing is needed here, and which costs
several times what an event is worth. So it is left what only it does: to connect, to begin anew, and to remember from
where. Of what was taken it is told the resourceVersion, as a bookmark.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from pynomaly_operator.watch_lines import whole_lines

log = logging.getLogger(__name__)

Sink = Callable[[str, Mapping[str, Any]], None]
"""Takes an event's type, such as ADDED, and its object."""

_CHANGES = (b'{"type":"ADDED"', b'{"type":"MODIFIED"', b'{"type":"DELETED"')
_INITIAL_END = b'"k8s.io/initial-events-end":"true"'
_AT_ONCE = 20
"""Events after which others have their turn."""


def take_events(response: aiohttp.ClientResponse, sink: Sink) -> None:
    """From now on the events of this answer to a watch go to the sink, and kopf gets everything else."""
    initial = "sendInitialEvents" in response.url.query
    response.content = _Taken(response.content, sink, initial)  # type: ignore[assignment]  # kopf reads nothing else


class _Taken:
    """A watch's stream without the events."""

    def __init__(self, stream: aiohttp.StreamReader, sink: Sink, initial: bool) -> None:
        self._stream = stream
        self._sink = sink
        self._initial = initial

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """See `aiohttp.StreamReader.iter_chunked`; in whole lines."""
        async for lines in whole_lines(self._stream, size):
            yield await self._left(lines.split(b"\n"))

    async def _left(self, lines: list[bytes]) -> bytes:
        """What remains for kopf: at least a sign of life."""
        left, metadata = list[bytes](), dict[str, str]()
        for number, line in enumerate(lines, 1):
            if line.startswith(_CHANGES):
                metadata = self._take(line)
            else:
                left += [*_bookmarks(metadata), line]
                metadata = {}
                self._initial = self._initial and _INITIAL_END not in line
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return b"\n".join([*left, *(_bookmarks(metadata) if left else [_bookmark(metadata)]), b""])

    def _take(self, line: bytes) -> dict[str, str]:
        """The event's resourceVersion, from where a watch can go on; none of what existed, which has no order."""
        event = json.loads(line)
        found = event["object"]
        try:
            self._sink(event["type"], found)
        except Exception:  # kopf, which reads this stream, would end the operator for one event
            log.exception("an event of %s %s is lost until the next audit", found.get("kind"), found.get("metadata"))
        return {} if self._initial else {"resourceVersion": found["metadata"]["resourceVersion"]}


def _bookmarks(metadata: Mapping[str, str]) -> list[bytes]:
    return [_bookmark(metadata)] if metadata else []


def _bookmark(metadata: Mapping[str, str]) -> bytes:
    return json.dumps({"type": "BOOKMARK", "object": {"metadata": metadata}}).encode()
