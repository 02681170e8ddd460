"""PostgreSQL: the registry of several replicas."""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from sqlalchemy import BigInteger, Select, func, literal, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry import schema
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.postgresql_url import Server

APPLICATION = "pynomaly-registry"
"""What its connections are called in `pg_stat_activity`."""
_MIGRATION_SECONDS = 600.0
_AGAIN_SECONDS = 1.0
_WILL_PASS = frozenset({"57P01", "57P02", "57P03", "53300"})
"""The server stops, crashed, starts, or has no connection left."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections, and seconds.

    connections are kept open, overflow more are opened when those are in use; none is older than `recycle` when it is
    used again. connect: for one to open. turn: for one to be free. statement: for one statement, waiting for other
    transactions included. start: how long the first connection is tried for.
    """

    connections: int = 20
    overflow: int = 30
    recycle: int = 3600
    connect: float = 5.0
    turn: float = 10.0
    statement: float = 30.0
    start: float = 45.0


class PostgresqlDatabase(Database):
    """One database, shared by any number of registries."""

    def __init__(self, server: Server, limits: Limits | None = None) -> None:
        self._server = server
        self._limits = limits or Limits()
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=self._limits.connections,
            max_overflow=self._limits.overflow,
            pool_recycle=self._limits.recycle,
            pool_timeout=self._limits.turn,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",  # see `writing`; a server's default may be another
            hide_parameters=True,
        )
        super().__init__(engine)
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def prepare(self) -> None:
        """See `Database`. A server that is not there yet is waited for."""
        self._server.check_files()
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._limits.start
        while True:
            try:
                await self._migrate()
            except (SQLAlchemyError, OSError) as error:
                said = f"the registry cannot use the database {self._server}: {_sentence(error)}"
                if not _may_pass(error) or clock() >= deadline:
                    raise PynomalyError(said) from error
                _log.warning("%s; it is tried again", said)
            else:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    @asynccontextmanager
    async def writing(self, subject: str) -> AsyncIterator[AsyncConnection]:
        """See `Database`. Other subjects are written at the same time."""
        # Every statement after the lock sees what was committed before it: READ COMMITTED.
        async with self._engine.begin() as connection:
            await connection.execute(_turn(subject))
            yield connection

    async def _migrate(self) -> None:
        async with self._migrator() as engine, engine.begin() as connection:
            await connection.execute(_turn("schema"))
            await connection.run_sync(schema.migrate)

    @asynccontextmanager
    async def _migrator(self) -> AsyncIterator[AsyncEngine]:
        """An engine whose statements may take as long as a migration, or the wait for another registry's."""
        patient = replace(self._limits, statement=_MIGRATION_SECONDS)

        async def connect() -> Any:
            return await _connection(self._server, patient)

        engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
        try:
            yield engine
        finally:
            await engine.dispose()

    async def _connect(self) -> Any:
        return await _connection(self._server, self._limits)


async def _connection(server: Server, limits: Limits) -> Any:
    milliseconds = int(limits.statement * 1000)
    return await asyncpg.connect(
        server.options,
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.database,
        timeout=limits.connect,
        # The server's limit comes first; this one is for a server that says nothing any more.
        command_timeout=limits.statement + limits.connect,
        server_settings={
            "application_name": APPLICATION,
            "statement_timeout": str(milliseconds),
            # A registry that froze within a transaction must not hold its locks.
            "idle_in_transaction_session_timeout": str(2 * milliseconds),
        },
    )


def _turn(subject: str) -> Select[Any]:
    """Waits until no other transaction works on the subject; the end of this one lets the next begin."""
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], signed=True)
    return select(func.pg_advisory_xact_lock(literal(number, BigInteger)))


def _may_pass(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _WILL_PASS
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLError)


def _sentence(error: Exception) -> str:
    shown = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(shown) or type(shown).__name__
