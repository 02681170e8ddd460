"""An empty database for a test, whichever kind, and a look into it from outside."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from tests.registry.postgres import Postgres
from tests.unit.inference.registry.harness import OPERATOR

from pynomaly_inference.registry.connect import open_database
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.settings import RegistrySettings

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_numbers = itertools.count()


@dataclass(frozen=True)
class Store:
    """A database. folder: of the test's own, where uploads are spooled."""

    url: str
    folder: Path

    @property
    def kind(self) -> str:
        return self.url.partition(":")[0]

    @property
    def settings(self) -> RegistrySettings:
        return RegistrySettings(database=self.url, operator=OPERATOR, spool=self.folder)

    def database(self) -> Database:
        """Not asked for anything yet."""
        return open_database(self.url)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """The last statement's rows, if it has any."""
        return asyncio.run(self._sql(statements))

    async def _sql(self, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
        engine = create_async_engine(make_url(self.url).set(drivername=_DRIVERS[self.kind]), poolclass=NullPool)
        async with engine.begin() as connection:
            for statement in statements:
                found = await connection.execute(text(statement))
            rows = [tuple(row) for row in found] if found.returns_rows else []
        await engine.dispose()
        return rows


Opening = Callable[[Path], AbstractContextManager[Store]]
"""Makes an empty database that uses this folder."""


@contextmanager
def sqlite_store(folder: Path) -> Iterator[Store]:
    yield Store(f"sqlite:///{folder / 'registry.db'}", folder)


@contextmanager
def postgresql_store(server: Postgres, folder: Path) -> Iterator[Store]:
    name = f"test_{next(_numbers)}"
    server.sql(f"CREATE DATABASE {name}")
    try:
        yield Store(server.url(name), folder)
    finally:
        server.sql(f"DROP DATABASE {name} WITH (FORCE)")
