"""A database that keeps the registry, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from pynomaly_inference.registry import schema


class Database(ABC):
    """Transactions on a migrated database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @abstractmethod
    async def prepare(self) -> None:
        """Brings the schema to this program's; of several that start at once, one does and the others wait for it.

        Raises PynomalyError when the database cannot be used, or a newer program has changed it.
        """

    @abstractmethod
    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that sees every one before it, and none beside it; kept when the block ends well."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database and changes nothing."""
        async with self._engine.connect() as connection:
            yield connection

    async def is_ready(self) -> bool:
        """Whether the database answers, and has this program's schema."""
        try:
            async with self.reading() as connection:
                return await connection.scalar(schema.CURRENT) == schema.head()
        except SQLAlchemyError:
            return False

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()
