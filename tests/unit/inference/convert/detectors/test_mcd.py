"""MCD: contributions that sum to the score."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.mcd import MCD

from pynomaly_inference.convert import to_onnx

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
