from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.registry.postgres import Postgres, postgres
from tests.registry.stores import Opening, Store, postgresql_store, sqlite_store
from tests.unit.inference.registry.harness import Running, running


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL that nobody stops."""
    with postgres() as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opening(request: pytest.FixtureRequest) -> Opening:
    """Opens an empty database: every test that asks for one runs on both kinds."""
    if request.param == "sqlite":
        return sqlite_store
    return partial(postgresql_store, request.getfixturevalue("server"))


@pytest.fixture
def store(opening: Opening, tmp_path: Path) -> Iterator[Store]:
    """An empty database of one test's own."""
    with opening(tmp_path) as found:
        yield found


@pytest.fixture
def postgresql(server: Postgres, tmp_path: Path) -> Iterator[Store]:
    """An empty PostgreSQL database of one test's own."""
    with postgresql_store(server, tmp_path) as found:
        yield found


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop."""
    with postgres() as found:
        yield found


@pytest.fixture
def own_store(own: Postgres, tmp_path: Path) -> Store:
    """An empty database there."""
    own.sql("CREATE DATABASE models")
    return Store(own.url("models"), tmp_path)


@pytest.fixture
def registry(store: Store) -> Iterator[Running]:
    """An empty registry of one test's own."""
    with running(store.settings) as found:
        yield found


@pytest.fixture(scope="module")
def shared(opening: Opening, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A registry for requests that store nothing."""
    with opening(tmp_path_factory.mktemp("registry")) as store, running(store.settings) as found:
        yield found
