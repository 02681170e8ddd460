"""From a database's URL to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.postgresql import PostgresqlDatabase
from pynomaly_inference.registry.postgresql_url import ACCEPTED as POSTGRESQL
from pynomaly_inference.registry.postgresql_url import Server
from pynomaly_inference.registry.sqlite import SqliteDatabase

_ACCEPTED = f"give sqlite:///PATH, with four slashes for an absolute path, or {POSTGRESQL}"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    """The database, migrated, and closed when the block ends. Raises ResourceInvalid for a URL that names none."""
    database = open_database(url)
    try:
        await database.prepare()
        yield database
    finally:
        await database.close()


def open_database(url: str) -> Database:
    """The database, not asked for anything yet. Raises ResourceInvalid for a URL that names none."""
    parsed = _parsed(url)
    if parsed.drivername in ("postgresql", "postgres"):
        return PostgresqlDatabase(Server.of(parsed))
    if parsed.drivername != "sqlite" or parsed.host or parsed.database in (None, "", ":memory:"):
        raise ResourceInvalid(
            f"`{parsed.drivername}` with these parts is no database that the registry can use: {_ACCEPTED}"
        )
    return SqliteDatabase(Path(str(parsed.database)))


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: what could not be parsed may be the password.
        raise ResourceInvalid(
            "the database's URL cannot be parsed; write /, @, : and % in a password as %2F, %40, %3A and %25: "
            f"{_ACCEPTED}"
        ) from None
