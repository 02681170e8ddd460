import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from pynomaly_inference.errors import PynomalyError, ResourceInvalid
from pynomaly_inference.registry import schema
from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.sqlite import SqliteDatabase
from pynomaly_inference.registry.tables import metadata


def prepare(path: Path) -> bool:
    """Migrates a database; whether it is ready then."""

    async def run() -> bool:
        async with connected(f"sqlite:///{path}") as database:
            return await database.is_ready()

    return asyncio.run(run())


def test_the_migrations_make_the_tables_that_the_program_uses(tmp_path: Path) -> None:
    assert prepare(tmp_path / "registry.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    prepare(tmp_path / "registry.db")
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        before = database.execute("SELECT * FROM sqlite_master").fetchall()
    assert prepare(tmp_path / "registry.db")
    with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
        assert database.execute("SELECT * FROM sqlite_master").fetchall() == before


def test_a_database_that_was_never_migrated_is_not_ready(tmp_path: Path) -> None:
    async def run() -> bool:
        database = SqliteDatabase(tmp_path / "registry.db")
        try:
            return await database.is_ready()
        finally:
            await database.close()

    assert asyncio.run(run()) is False


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE chunks (stranger TEXT)")
        database.commit()
    with pytest.raises(PynomalyError, match=r"registry\.db"):
        prepare(path)
    with closing(sqlite3.connect(path)) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == {"chunks"}


def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    prepare(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    with pytest.raises(PynomalyError, match="schema 9999"):
        prepare(path)
    assert schema.head() != "9999"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PynomalyError, match="missing"):
        prepare(tmp_path / "missing" / "registry.db")


def test_what_was_committed_is_on_the_disk_and_references_hold(tmp_path: Path) -> None:
    async def pragma(name: str) -> object:
        async with connected(f"sqlite:///{tmp_path / 'registry.db'}") as database, database.reading() as connection:
            return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()

    assert asyncio.run(pragma("journal_mode")) == "wal"
    assert asyncio.run(pragma("synchronous")) == 2
    assert asyncio.run(pragma("foreign_keys")) == 1
    assert asyncio.run(pragma("busy_timeout")) == 30_000


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite://", "sqlite:///:memory:", "sqlite://host/path", "mysql://a:secret@b/c", "sqlite:///"],
)
def test_a_url_that_names_no_database_says_what_to_give_instead(url: str) -> None:
    async def run() -> None:
        async with connected(url):
            pass

    with pytest.raises(ResourceInvalid, match="sqlite:///PATH") as raised:
        asyncio.run(run())
    assert "secret" not in str(raised.value)
