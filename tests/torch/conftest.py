"""What the networks' tests share. They have an environment of their own, with torch: `make test-torch`."""

from importlib.util import find_spec

import pytest
from tests.unit.inference.convert.conftest import agree, dataset, run

__all__ = ["agree", "dataset", "run"]

collect_ignore_glob = [] if find_spec("torch") else ["*"]


def pytest_configure(config: pytest.Config) -> None:
    for of_pyods in (
        "To copy construct from a tensor:UserWarning",  # DevNet, whenever it scores
        "Implicit dimension choice for softmax:UserWarning",  # the activation `softmax`
    ):
        config.addinivalue_line("filterwarnings", f"ignore:{of_pyods}")
