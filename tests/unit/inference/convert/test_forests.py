"""scikit-learn's trees keep their decisions and path lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import ExtraTreeRegressor

from pynomaly_inference.convert.forests import expected_values, fitted_tree, float32_thresholds, path_contributions

FLOATS = st.floats(-1e30, 1e30, allow_subnormal=False)


@given(thresholds=st.lists(FLOATS, min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_threshold_decides_as_scikit_learn_does_after_rounding_to_float32(thresholds: list[float]) -> None:
    original = np.array(thresholds)
    ours = float32_thresholds(original)
    near = original.astype(np.float32)
    # All that can go wrong is near: the doubles around ours, and around the float32 values on both sides.
    values = [ours, original, near.astype(np.float64), np.nextafter(near, np.float32(np.inf)).astype(np.float64)]
    values.append(np.nextafter(near, np.float32(-np.inf)).astype(np.float64))
    for value in values:
        for x in (value, np.nextafter(value, np.inf), np.nextafter(value, -np.inf)):
            assert np.array_equal(x <= ours, x.astype(np.float32) <= original)


@pytest.fixture
def tree() -> ExtraTreeRegressor:
    random = np.random.default_rng(0)
    return ExtraTreeRegressor(max_depth=5, random_state=0).fit(random.standard_normal((100, 3)), random.random(100))


def test_expected_values_are_means_over_the_training_rows(tree: ExtraTreeRegressor) -> None:
    fitted = fitted_tree(tree, np.arange(3))
    leaf_values = tree.tree_.value[:, 0, 0]
    # A regression tree's own node values are exactly these means.
    assert expected_values(fitted, leaf_values) == pytest.approx(leaf_values, rel=1e-12)


def test_path_contributions_sum_to_what_the_leaf_is_below_expectation(tree: ExtraTreeRegressor) -> None:
    fitted = fitted_tree(tree, np.arange(3))
    leaf_values = tree.tree_.value[:, 0, 0]
    contributions = path_contributions(fitted, leaf_values, 3)
    assert contributions.sum(axis=1) == pytest.approx(leaf_values[0] - leaf_values[fitted.is_leaf], abs=1e-12)
