from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from tests.cluster.autoscaling import Climb, climbing
from tests.cluster.cluster import Cluster
from tests.cluster.installation import Helm


def pytest_configure(config: pytest.Config) -> None:
    # `pytest_plugins` is refused below the root; registered so, the fixtures are shared by every folder that asks.
    config.pluginmanager.import_plugin("tests.cluster.fixtures")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Asks last what became of the climb, whatever order the others are in."""
    items.sort(key=_climbs)


@pytest.fixture(scope="session")
def climb(cluster: Cluster, release: Helm) -> Iterator[Future[Climb]]:
    """An autoscaled detector under load, which takes minutes and little else: it goes on beside the tests."""
    assert release.namespace
    with climbing(cluster) as begun:
        yield begun


@pytest.fixture(scope="session", autouse=True)
def _begun_first(request: pytest.FixtureRequest) -> None:
    """Begins the climb before the first test when one of them asks for it."""
    if any(map(_climbs, request.session.items)):
        request.getfixturevalue("climb")


def _climbs(item: pytest.Item) -> bool:
    return "climb" in getattr(item, "fixturenames", ())
