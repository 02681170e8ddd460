import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from tests.registry.stores import Store

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry import schema
from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.tables import metadata


def prepare(store: Store) -> bool:
    """Migrates a database; whether it is ready then."""

    async def run() -> bool:
        async with connected(store.url) as database:
            return await database.is_ready()

    return asyncio.run(run())


def tables(store: Store) -> list[tuple[Any, ...]]:
    """Every column, or what made it."""
    if store.kind == "sqlite":
        return store.sql("SELECT * FROM sqlite_master ORDER BY name")
    wanted = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
    return store.sql(f"{wanted} ORDER BY 1, 2")


def test_the_migrations_make_the_tables_that_the_program_uses(store: Store) -> None:
    def differences(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    async def run() -> Any:
        async with connected(store.url) as database, database.reading() as connection:
            return await connection.run_sync(differences)

    assert asyncio.run(run()) == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    prepare(store)
    before = tables(store)
    assert before != []
    assert prepare(store)
    assert tables(store) == before


def test_a_database_of_the_first_version_keeps_its_models(store: Store) -> None:
    async def first() -> None:
        database = store.database()
        async with database.writing("schema") as connection:
            await connection.run_sync(lambda found: schema.migrate(found, "0001"))
        await database.close()

    asyncio.run(first())
    store.sql("INSERT INTO detectors (namespace, uid, last_version) VALUES ('plant-a', 'some', 7)")
    assert prepare(store)
    assert store.sql("SELECT uid, last_version FROM detectors") == [("some", 7)]


def test_a_database_that_was_never_migrated_is_not_ready(store: Store) -> None:
    async def run() -> bool:
        database = store.database()
        try:
            return await database.is_ready()
        finally:
            await database.close()

    assert asyncio.run(run()) is False


def test_a_migration_that_fails_leaves_the_database_as_it_was(store: Store) -> None:
    store.sql("CREATE TABLE chunks (stranger TEXT)")
    before = tables(store)
    with pytest.raises(PynomalyError, match="cannot use the database"):
        prepare(store)
    assert tables(store) == before


def test_a_database_of_a_later_version_is_left_alone(store: Store) -> None:
    prepare(store)
    store.sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(PynomalyError, match="schema 9999"):
        prepare(store)
    assert schema.head() != "9999"
