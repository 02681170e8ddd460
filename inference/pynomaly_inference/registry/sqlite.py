"""SQLite in one file: the registry of one replica."""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry import schema
from pynomaly_inference.registry.contract import MEBIBYTE
from pynomaly_inference.registry.database import Database

BUSY_SECONDS = 30.0
"""How long a transaction waits for another process's."""
_CONNECTIONS = 16
_WRITES = "pynomaly_writes"
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",  # a version that was answered for survives a loss of power
    f"PRAGMA journal_size_limit = {16 * MEBIBYTE}",  # the log of a large model shrinks at the next write
)


class SqliteDatabase(Database):
    """A file and, beside it while in use, its write-ahead log and a lock for those that start."""

    def __init__(self, path: Path) -> None:
        url = URL.create("sqlite+aiosqlite", database=str(path))
        # No isolation level: the driver leaves BEGIN to `_begin`, and the schema's changes are transactional.
        options = {"timeout": BUSY_SECONDS, "isolation_level": None}
        engine = create_async_engine(url, connect_args=options, pool_size=_CONNECTIONS, max_overflow=0)
        event.listen(engine.sync_engine, "connect", _configure)
        event.listen(engine.sync_engine, "begin", _begin)
        super().__init__(engine)
        self._path = path
        self._writer = engine.execution_options(**{_WRITES: True})
        # SQLite has one writer; those of this process take turns here, in order, instead of polling the file.
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """See `Database`."""
        lock = self._path.with_name(f"{self._path.name}.lock")
        try:
            with _opened(lock) as descriptor:
                await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
                await asyncio.to_thread(_keep_a_log, self._path)
                async with self.writing("schema") as connection:
                    await connection.run_sync(schema.migrate)
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            raise PynomalyError(f"the registry cannot use the database `{self._path}`: {error}") from error

    @asynccontextmanager
    async def writing(self, subject: str) -> AsyncIterator[AsyncConnection]:
        """See `Database`. All subjects take turns together."""
        del subject
        async with self._turn, self._writer.begin() as connection:
            yield connection


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _keep_a_log(path: Path) -> None:
    # Kept in the file, and not allowed within a transaction, which every connection of the engine begins with.
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _configure(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that begins as a reader and then writes fails at once when another has written meanwhile.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
