"""An upload, held in a file until it is whole: memory stays flat, and a slow client holds no transaction."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pynomaly_inference.registry.contract import MEBIBYTE
from pynomaly_inference.registry.problems import Problem

CHUNK = MEBIBYTE


@dataclass(frozen=True, slots=True)
class Spooled:
    """A whole upload. sha256: of its bytes."""

    file: IO[bytes]
    size: int
    sha256: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes in pieces of `CHUNK`, the last one shorter."""
        await asyncio.to_thread(self.file.seek, 0)
        while piece := await asyncio.to_thread(self.file.read, CHUNK):
            yield piece


@asynccontextmanager
async def spooled(body: AsyncIterable[bytes], folder: Path | None, most: int) -> AsyncIterator[Spooled]:
    """The body in a file that has no name and is gone when the block ends, or the process.

    Raises Problem 413 as soon as there are more than `most` bytes, 400 when there are none.
    """
    with await asyncio.to_thread(_nameless, folder) as file:
        sha256, size, pending = hashlib.sha256(), 0, bytearray()
        async for piece in body:
            size += len(piece)
            if size > most:
                raise too_large(most)
            pending += piece
            if len(pending) >= CHUNK:
                await asyncio.to_thread(_append, file, sha256, pending)
                pending = bytearray()
        await asyncio.to_thread(_append, file, sha256, pending)
        if size == 0:
            raise Problem(400, "the body is empty: send the model file")
        yield Spooled(file, size, sha256.digest())


def _nameless(folder: Path | None) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)


def _append(file: IO[bytes], sha256: "hashlib._Hash", piece: bytearray) -> None:
    file.write(piece)
    sha256.update(piece)


def too_large(most: int) -> Problem:
    """The model is beyond the limit."""
    return Problem(413, f"the model is larger than {most / MEBIBYTE:g} MiB, the most that the registry keeps")
