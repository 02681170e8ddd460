"""`postgresql://HOST/DATABASE` sources: the rows of one query, streamed into parquet files.

PGUSER and PGPASSWORD log in. `?sslmode=` is PostgreSQL's own; `verify-full` checks against the system's authorities.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import polars as pl

from pynomaly_inference.datasets.batch import shown
from pynomaly_inference.datasets.formats import Format, Kind, SourceFile
from pynomaly_inference.datasets.remote import Remote
from pynomaly_inference.errors import DataRejected, ResourceInvalid, SourceUnreachable

PORT = 5432
STATEMENT_SECONDS = 600.0
_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 5.0
_BATCH_CELLS = 1 << 20
_MOST_ROWS = 1 << 16
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-full")

_TYPES: dict[str, pl.DataType] = {
    **dict.fromkeys(("int2", "int4", "int8"), pl.Int64()),
    **dict.fromkeys(("float4", "float8", "numeric"), pl.Float64()),
    **dict.fromkeys(("text", "varchar", "bpchar", "name"), pl.String()),
    "bool": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "timestamptz": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is."""

    host: str
    port: int
    name: str
    ssl_mode: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Raises ResourceInvalid for a URI that names no database."""
        try:
            parts = urlsplit(uri)
            host, port = parts.hostname, parts.port or PORT
        except ValueError as error:
            raise ResourceInvalid(f"the database's URI cannot be parsed: {error}") from error
        name = unquote(parts.path.removeprefix("/"))
        options = parse_qs(parts.query)
        mode = options.pop("sslmode", ["prefer"])[-1]
        if not host or not name or options or mode not in _SSL_MODES:
            raise ResourceInvalid(
                "training.source.uri: write postgresql://HOST:PORT/DATABASE, where `?sslmode=` may follow with "
                f"{', '.join(_SSL_MODES)}; user and password are PGUSER and PGPASSWORD"
            )
        return cls(host, port, name, mode)

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"postgresql://{self.host}:{self.port}/{self.name}"


def fetch(remote: Remote, folder: Path, *, statement_seconds: float = STATEMENT_SECONDS) -> tuple[SourceFile, ...]:
    """The rows that the query gives in a transaction that can only read; see `remote.Fetch`.

    Each of its steps may take `statement_seconds`. A query that PostgreSQL does not accept is a ResourceInvalid.
    """
    database = Database.parse(remote.uri)
    if not remote.query:
        raise ResourceInvalid(f"`{database.shown}` needs training.source.query, a SELECT")
    try:
        paths = asyncio.run(_stored(remote, database, folder, statement_seconds))
    except asyncpg.QueryCanceledError as error:
        raise SourceUnreachable(
            f"`{database.shown}` took longer than {statement_seconds:g} s over training.source.query"
        ) from error
    except asyncpg.PostgresError as error:
        raise _refusal(database, error) from error
    except TimeoutError as error:
        raise SourceUnreachable(f"`{database.shown}` timed out") from error
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise SourceUnreachable(f"`{database.shown}` cannot be reached: {error}") from error
    return tuple(SourceFile(path, database.shown, Format(Kind.PARQUET)) for path in paths)


def _refusal(database: Database, error: asyncpg.PostgresError) -> Exception:
    """By the class of the SQLSTATE: 42 is syntax, names and rights, 25006 an attempt to write, 22 a bad value."""
    if error.sqlstate.startswith("42") or error.sqlstate == "25006":
        return ResourceInvalid(f"training.source.query: PostgreSQL says: {error}")
    if error.sqlstate.startswith("22"):
        return DataRejected(f"training.source.query: PostgreSQL says: {error}")
    return SourceUnreachable(f"`{database.shown}` refuses: {error}")


async def _stored(remote: Remote, database: Database, folder: Path, statement_seconds: float) -> list[Path]:
    connection = await asyncpg.connect(
        host=database.host,
        port=database.port,
        database=database.name,
        user=remote.environment.get("PGUSER"),
        password=remote.environment.get("PGPASSWORD"),
        ssl=ssl.create_default_context() if database.ssl_mode == "verify-full" else database.ssl_mode,
        timeout=_CONNECT_SECONDS,
        statement_cache_size=0,  # a pooler may give the next statement to another server
        server_settings={"application_name": "pynomaly"},
    )
    try:
        await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=float, format="text")
        async with connection.transaction(readonly=True):
            await connection.execute(f"SET LOCAL statement_timeout = {round(statement_seconds * 1000)}")
            return await _rows(connection, remote.query or "", folder)
    finally:
        await connection.close(timeout=_CLOSE_SECONDS)


async def _rows(connection: Any, query: str, folder: Path) -> list[Path]:
    """The query's rows in files of some MiB; as a prepared statement it can only be one."""
    statement = await connection.prepare(query)
    schema = _schema(statement.get_attributes())
    cursor = await statement.cursor()
    step = max(1, min(_MOST_ROWS, _BATCH_CELLS // len(schema)))
    paths: list[Path] = []
    while True:
        rows = await cursor.fetch(step)
        if not rows and paths:
            return paths
        paths.append(folder / str(len(paths)))
        pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row").write_parquet(paths[-1])


def _schema(attributes: Sequence[Any]) -> pl.Schema:
    if not attributes:
        raise ResourceInvalid("training.source.query returns no columns: write a SELECT")
    schema = pl.Schema()
    for attribute in attributes:
        if attribute.name in schema:
            raise DataRejected(f"the query returns several columns named {shown(attribute.name)}: give each its own")
        dtype = _TYPES.get(attribute.type.name)
        if dtype is None:
            raise DataRejected(
                f"column {shown(attribute.name)} of the query is of type {attribute.type.name}: "
                "leave it out, or cast it to a number, boolean, time or text"
            )
        schema[attribute.name] = dtype
    return schema
