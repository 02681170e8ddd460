from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.inference.registry.harness import Running, running, settings_for


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Running]:
    """An empty registry of one test's own."""
    with running(settings_for(tmp_path / "registry.db")) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A registry for requests that store nothing."""
    with running(settings_for(tmp_path_factory.mktemp("registry") / "registry.db")) as found:
        yield found
