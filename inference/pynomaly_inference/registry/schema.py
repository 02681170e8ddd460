"""The database's schema: only Alembic changes it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, String, column, select, table

from pynomaly_inference.errors import PynomalyError

CURRENT = select(column("version_num", String)).select_from(table("alembic_version"))
"""The schema's revision; the table is missing before the first migration."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, revision: str = "head") -> None:
    """Brings the schema to this program's, or to an earlier revision, within the connection's transaction.

    Raises PynomalyError when a newer program has changed it: nothing is undone.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        found = connection.scalar(CURRENT)
        raise PynomalyError(
            f"the registry's database has schema {found}, which this version does not know: run the version that "
            f"wrote it, or a later one ({error})"
        ) from error


@cache
def head() -> str | None:
    """The revision that this program works with."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    # The ini format of Alembic takes % for an interpolation.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
