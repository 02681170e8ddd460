"""Where the tools and the running node are kept: outside the checkout, so that `git clean` costs no rebuild."""

import os
from collections.abc import Mapping
from pathlib import Path

SOURCES = Path(__file__).parent / "tools"


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of what can be built again: tools, base images."""
    return _home(environment, "XDG_CACHE_HOME", ".cache")


def state(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of what runs: process ids, certificates, logs."""
    return _home(environment, "XDG_STATE_HOME", ".local/state")


def _home(environment: Mapping[str, str], variable: str, default: str) -> Path:
    base = environment.get(variable)
    return (Path(base) if base else Path.home() / default) / "pynomaly"
