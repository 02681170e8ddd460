"""Graphs of networks score as the networks do in double precision: on real and on awkward data."""

import pytest
from tests.converters.proving import prove_on_awkward, prove_on_real
from tests.converters.tables import AWKWARD, REAL
from tests.torch.builds.networks import BUILDS


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("data", REAL)
def test_scores_equal_the_networks_in_double_precision_on_real_data(data: str, name: str) -> None:
    prove_on_real(BUILDS[name], data)


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_scores_equal_the_networks_in_double_precision_on_awkward_data(kind: str, name: str) -> None:
    prove_on_awkward(BUILDS[name], kind)
