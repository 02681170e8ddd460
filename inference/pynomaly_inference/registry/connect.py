"""From a database's URL to the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.sqlite import SqliteDatabase

_ACCEPTED = "give sqlite:///PATH, with four slashes for an absolute path"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Database]:
    """The database, migrated, and closed when the block ends. Raises ResourceInvalid for a URL that names none."""
    database = _database(url)
    try:
        await database.prepare()
        yield database
    finally:
        await database.close()


def _database(url: str) -> Database:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ResourceInvalid(f"the database's URL cannot be parsed: {_ACCEPTED}") from error
    if parsed.drivername != "sqlite" or parsed.host or parsed.database in (None, "", ":memory:"):
        raise ResourceInvalid(f"`{parsed.render_as_string()}` is no database that the registry can use: {_ACCEPTED}")
    return SqliteDatabase(Path(str(parsed.database)))
