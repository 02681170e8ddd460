"""A database that keeps the registry, whichever it is."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pynomaly_inference.registry import schema

READY_SECONDS = 2.0
"""Below the readiness probe's own: a database that hangs is told as not ready, not as a probe that timed out."""


class Database(ABC):
    """Transactions on a migrated database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reader = engine
        self._open = 0
        event.listen(engine.sync_engine, "connect", self._opened)
        event.listen(engine.sync_engine, "close", self._closed)

    @property
    def open_connections(self) -> int:
        """Connections of this process to the database, in use or waiting for use."""
        return self._open

    @abstractmethod
    async def prepare(self) -> None:
        """Brings the schema to this program's; of several that start at once, one does and the others wait for it.

        Raises PynomalyError when the database cannot be used, or a newer program has changed it.
        """

    @abstractmethod
    def writing(self, subject: str) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that is kept when the block ends well.

        It sees every one on this subject before it, and none of those beside it, whichever process they are of.
        """

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database and changes nothing."""
        async with self._reader.connect() as connection:
            yield connection

    async def is_ready(self) -> bool:
        """Whether the database answers, and has this program's schema."""
        try:
            async with asyncio.timeout(READY_SECONDS), self.reading() as connection:
                return await connection.scalar(schema.CURRENT) == schema.head()
        except (SQLAlchemyError, OSError):  # a TimeoutError is one
            return False

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()

    def _opened(self, *_: object) -> None:
        self._open += 1

    def _closed(self, *_: object) -> None:
        self._open -= 1
