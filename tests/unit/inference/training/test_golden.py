"""Golden rows cover the training range and beyond, and are no training rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.training.golden import BEYOND, GOLDEN_ROWS, golden_rows, profile

finite = st.floats(-1e6, 1e6)


@given(numbers=arrays(np.float64, (30, 3), elements=finite), seed=st.integers(0, 2**32 - 1))
def test_most_rows_are_inside_the_range_and_the_last_are_outside(numbers: NDArray[np.float64], seed: int) -> None:
    rows = golden_rows(profile(Rows(numbers), ()), seed, missing=False).numbers
    low, high = numbers.min(axis=0), numbers.max(axis=0)
    inside = (rows >= low) & (rows <= high)
    assert len(rows) == GOLDEN_ROWS
    assert inside[:-BEYOND].all()
    assert not inside[-BEYOND:].any()


def test_the_same_seed_draws_the_same_rows() -> None:
    shape = profile(Rows(np.random.default_rng(1).normal(size=(50, 4))), ())
    np.testing.assert_array_equal(
        golden_rows(shape, 3, missing=True).numbers, golden_rows(shape, 3, missing=True).numbers
    )


def test_missing_values_are_tried_only_where_they_may_be() -> None:
    shape = profile(Rows(np.random.default_rng(1).normal(size=(50, 4))), ())
    assert np.isnan(golden_rows(shape, 0, missing=True).numbers).any()
    assert not np.isnan(golden_rows(shape, 0, missing=False).numbers).any()


def test_levels_are_known_ones_and_beyond_them_one_never_seen() -> None:
    shape = profile(Rows(np.zeros((3, 1))), (("north", "south"), ("unseen",)))
    categories = golden_rows(shape, 0, missing=False).categories
    assert categories is not None
    assert set(categories[:-BEYOND, 0]) == {"north", "south"}
    assert not set(categories[-BEYOND:, 0]) & {"north", "south"}
    assert set(categories[-BEYOND:, 1]) == {"unseen_"}


def test_the_profile_leaves_missing_values_out() -> None:
    shape = profile(Rows(np.array([[1.0], [np.nan], [3.0]])), ())
    assert shape.quantiles[[0, 4, 8], 0].tolist() == [1.0, 2.0, 3.0]
