"""MCD: contributions that sum to the score; what rounding does to it."""

from collections.abc import Callable
from fractions import Fraction
from operator import mul
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.mcd import MCD

from pynomaly_inference.bundle import RELATIVE_TOLERANCE
from pynomaly_inference.convert import Preprocessing, Rows, reference_of, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def test_contributions_are_z_times_p_z_and_sum_to_the_score(run: Run) -> None:
    random = np.random.default_rng(0)
    X = random.standard_normal((200, 4)) @ random.standard_normal((4, 4)) + 3.0
    detector = MCD(random_state=0).fit(X)
    rows = X[:30] * 2
    outputs = run(to_onnx(detector), rows)
    z = rows - detector.location_
    assert outputs["contributions"] == pytest.approx(z * (detector.precision_ @ z.T).T, rel=1e-9, abs=1e-9)
    assert outputs["contributions"].sum(axis=1) == pytest.approx(detector.decision_function(rows), rel=1e-12)
    # Correlated features explain each other.
    assert outputs["contributions"].min() < 0


def test_a_feature_that_departs_contributes_most(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((200, 3))
    row = np.array([[0.0, 9.0, 0.0]])
    contributions = run(to_onnx(MCD(random_state=0).fit(X)), row)["contributions"]
    assert np.argmax(contributions) == 1
    assert contributions[0, 1] > 0.9 * contributions.sum()


def exactly(precision: Matrix, z: Matrix) -> Matrix:
    """z P z in fractions."""
    P = [[Fraction(value) for value in row] for row in precision.tolist()]
    rows = [[Fraction(value) for value in row] for row in z.tolist()]
    return np.array([float(sum(a * sum(map(mul, line, row)) for a, line in zip(row, P, strict=True))) for row in rows])


def test_far_from_zero_a_covariance_around_zero_scores_rounding_which_the_tolerance_allows(run: Run) -> None:
    """With `assume_centered` z is the row itself: terms of 1e12 cancel to a score of 2, and lose its fifth digit."""
    X = 1e6 + np.random.default_rng(0).standard_normal((200, 3))
    detector = MCD(assume_centered=True, random_state=0).fit(X)
    assert not detector.location_.any()
    exact = exactly(detector.detector_.get_precision(), X)
    theirs, ours = detector.decision_function(X), run(to_onnx(detector, training_rows=X), X)["score"]
    assert np.abs(theirs - exact).max() > 1000 * RELATIVE_TOLERANCE * exact.max()
    reference = reference_of(detector, Preprocessing.none(["a", "b", "c"]))
    assert reference.rounding is not None
    allowed = reference.rounding(Rows(X))
    assert np.all(np.abs(theirs - exact) <= allowed)
    assert np.all(np.abs(ours - exact) <= allowed)
    assert allowed.max() < 0.1 * exact.max()


def test_around_its_own_location_nothing_cancels() -> None:
    X = 1e6 + np.random.default_rng(0).standard_normal((200, 3))
    detector = MCD(random_state=0).fit(X)
    exact = exactly(detector.detector_.get_precision(), X - detector.location_)
    np.testing.assert_allclose(detector.decision_function(X), exact, rtol=1e-12)
