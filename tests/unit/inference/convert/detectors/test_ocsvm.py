"""OCSVM: kernels by products where they are exact, and sums that all but cancel."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.ocsvm import OCSVM

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.convert import declaration_of, score_scale, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("gamma", ["auto", "scale", 0.3])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_every_form_of_gamma_scores_as_pyod_far_from_the_origin_too(
    run: Run, agree: Agree, gamma: str | float, offset: float
) -> None:
    X = np.random.default_rng(0).standard_normal((150, 3)) + offset
    detector = OCSVM(gamma=gamma).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


def test_distances_are_subtracted_where_a_product_would_be_inexact(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((150, 2)) * [1e6, 1.0]
    detector = OCSVM(gamma=1.0).fit(X)
    rows = X + np.random.default_rng(1).standard_normal(X.shape) * 0.5
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))
    products = X @ X.T
    distances = products.diagonal()[:, None] + products.diagonal() - 2 * products
    assert np.abs(distances.diagonal()).max() == 0
    exact = ((X[:, None] - rows[None]) ** 2).sum(axis=2)
    by_product = (X**2).sum(axis=1)[:, None] + (rows**2).sum(axis=1) - 2 * X @ rows.T
    assert np.abs(by_product - exact).max() > 1e-5


def test_a_linear_machine_is_one_product_whatever_its_support_vectors(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((150, 3)) + 4.0
    detector = OCSVM(kernel="linear").fit(X)
    model = to_onnx(detector)
    assert model.ByteSize() < X.nbytes
    assert declaration_of(detector).chunk(detector) is None
    agree(detector, run(model, X)["score"], detector.decision_function(X))


def test_a_linear_machine_on_centered_rows_scores_their_rounding_which_the_tolerance_allows() -> None:
    """The weights cancel: the score is the difference of numbers a million times as large, in PyOD as in the graph."""
    X = np.random.default_rng(0).standard_normal((300, 1))
    detector = OCSVM(kernel="linear").fit(X)
    declared = declaration_of(detector)
    median = float(np.median(np.abs(detector.decision_scores_)))
    assert declared.rounding is not None
    assert np.median(declared.rounding.size(detector, X)) > 1e6 * median
    machine = detector.detector_
    exact = machine.dual_coef_[0].astype(np.longdouble) @ (machine.support_vectors_ @ X.T).astype(np.longdouble)
    pyods = np.abs(detector.decision_function(X) + np.float64(exact + machine.intercept_[0]))
    assert pyods.max() > tolerance(0.0, median)
    assert np.all(pyods <= declared.rounding.of(detector, X))
    assert score_scale(detector) > median


def test_where_nothing_cancels_the_scale_is_the_median_training_score() -> None:
    detector = OCSVM().fit(np.random.default_rng(0).standard_normal((150, 3)))
    assert score_scale(detector) == np.median(np.abs(detector.decision_scores_))
