"""The lines of a watch's stream, each of which is an event."""

from collections.abc import AsyncIterator

import aiohttp


async def whole_lines(stream: aiohttp.StreamReader, size: int) -> AsyncIterator[bytes]:
    """As many whole lines as have come, without the last one's end; half of one at the end is no event."""
    rest = b""
    async for data in stream.iter_chunked(size):
        lines, end, rest = (rest + data).rpartition(b"\n")
        if end:
            yield lines
