"""Graphs of networks score as the networks do in double precision: on real and on awkward data."""

import numpy as np
import pytest
from tests.converters.proving import fitted, prove, refused, seen_by
from tests.converters.tables import AWKWARD, REAL, awkward, real
from tests.torch.builds.networks import BUILDS


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("data", REAL)
def test_scores_equal_the_networks_in_double_precision_on_real_data(data: str, name: str) -> None:
    build = BUILDS[name]
    X, y = real(data)
    X = seen_by(build, X[: 2 * build.rows])
    if refused(build, data, X[: build.rows], y[: build.rows]):
        return
    compared = prove(fitted(build, X[: build.rows], y[: build.rows]), X[: build.rows], X[build.rows :])
    assert compared == {"training rows", "held-out rows", "20 sigma", "10,000 sigma", "constant rows"}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_scores_equal_the_networks_in_double_precision_on_awkward_data(kind: str, name: str) -> None:
    build = BUILDS[name]
    X = seen_by(build, awkward(kind)[: build.rows])
    y = (np.arange(len(X)) % 10 == 0).astype(np.int64)
    if not refused(build, kind, X, y):
        prove(fitted(build, X, y), X, X[:0])
