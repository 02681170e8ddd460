"""Every build of the matrix: each module in `builds/` has a mapping `BUILDS`, there is no central list."""

import pkgutil
from importlib import import_module

import tests.converters.builds
from tests.converters.build import Build


def builds() -> dict[str, Build]:
    """By name, `Algorithm, what differs from the defaults`."""
    found: dict[str, Build] = {}
    for module in pkgutil.iter_modules(tests.converters.builds.__path__):
        more: dict[str, Build] = import_module(f"tests.converters.builds.{module.name}").BUILDS
        assert not found.keys() & more.keys()
        found |= more
    return found
