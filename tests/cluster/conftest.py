import pytest


def pytest_configure(config: pytest.Config) -> None:
    # `pytest_plugins` is refused below the root; registered so, the fixtures are shared by every folder that asks.
    config.pluginmanager.import_plugin("tests.cluster.fixtures")
