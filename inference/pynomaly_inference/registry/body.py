"""A request's body, bounded in time and size."""

import asyncio
from collections.abc import AsyncIterator

from pynomaly_inference.registry.problems import Problem


async def within(body: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """The body; raises Problem 408 when it is not whole in this time, so that nobody keeps a turn for ever."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                piece = await anext(body, None)
        except TimeoutError as error:
            raise Problem(408, f"the upload took longer than {seconds:g} s", {"Connection": "close"}) from error
        if piece is None:
            return
        yield piece


async def whole(body: AsyncIterator[bytes], most: int) -> bytes:
    """All of the body; raises Problem 413 as soon as there are more than `most` bytes."""
    held = bytearray()
    async for piece in body:
        held += piece
        if len(held) > most:
            raise Problem(413, f"the body is larger than {most} bytes", {"Connection": "close"})
    return bytes(held)
