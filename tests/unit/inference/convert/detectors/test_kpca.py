"""KPCA: what is left of a row beside the components, down to the rounding of the numbers that it is left of."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.kpca import KPCA

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.convert import declaration_of, reference_scores, score_scale, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def normal(seed: int = 0, columns: int = 3) -> Matrix:
    return np.random.default_rng(seed).standard_normal((100, columns))


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine"])
def test_every_kernel_scores_as_pyod(run: Run, agree: Agree, kernel: str) -> None:
    X = normal() + 1.0
    detector = KPCA(kernel=kernel, n_components=2, gamma=0.05, random_state=0).fit(X)
    rows = normal(1) * 2
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))


@pytest.mark.parametrize("degree", [0, 1, 2, 5])
def test_a_polynomial_has_any_whole_degree(run: Run, agree: Agree, degree: int) -> None:
    X = np.abs(normal())
    detector = KPCA(kernel="poly", degree=degree, n_components=2, random_state=0).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], reference_scores(detector, X))


def test_a_row_of_zeros_has_the_direction_of_no_other_row(run: Run, agree: Agree) -> None:
    detector = KPCA(kernel="cosine", n_components=2, random_state=0).fit(normal())
    zeros = np.zeros((1, 3))
    agree(detector, run(to_onnx(detector), zeros)["score"], detector.decision_function(zeros))


def test_with_all_components_the_score_of_a_training_row_is_rounding_which_the_tolerance_allows(run: Run) -> None:
    """What is left of 1 is about 1e-15: PyOD's own digits there depend on the order in which a sum is taken."""
    X = normal()
    detector = KPCA(random_state=0).fit(X)
    median = float(np.median(np.abs(detector.decision_scores_)))
    assert median < 1e-12
    one_by_one = np.array([detector.decision_function(row[None])[0] for row in X])
    apart = np.abs(one_by_one - detector.decision_function(X)).max()
    assert apart > tolerance(0.0, median)
    assert apart < tolerance(0.0, score_scale(detector)) < 1e-9
    outputs = run(to_onnx(detector), X)
    assert np.abs(outputs["score"] - one_by_one).max() < tolerance(0.0, score_scale(detector))
    # Rows beside the components score far above that, as with PyOD.
    far = normal(1) * 3
    assert run(to_onnx(detector), far)["label"].tolist() == detector.predict(far).tolist()


def test_far_from_the_origin_pyods_distances_leave_the_tolerance_and_ours_do_not(run: Run, agree: Agree) -> None:
    X = normal() + 1e5
    detector = KPCA(n_components=3, random_state=0).fit(X)
    kernel = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=2) / 3)
    centre = detector.kpca.get_centerer
    centred = kernel - kernel.mean(axis=1, keepdims=True) - centre.K_fit_rows_ + centre.K_fit_all_
    along = centred @ (detector.kpca.eigenvectors_ / np.sqrt(detector.kpca.eigenvalues_))
    exact = 1 - 2 * kernel.mean(axis=1) + centre.K_fit_all_ - (along**2).sum(axis=1)
    off = np.abs(detector.decision_function(X) - exact).max()
    assert off > 1000 * tolerance(float(np.abs(exact).max()), score_scale(detector))
    agree(detector, reference_scores(detector, X), exact)
    agree(detector, run(to_onnx(detector), X)["score"], exact)


def test_a_kernel_given_as_a_function_is_refused_by_name() -> None:
    detector = KPCA(kernel=np.dot, n_components=2).fit(normal())
    with pytest.raises(NotConvertible, match="parameter `kernel` of KPCA is a function, and a graph has no Python: "):
        to_onnx(detector)


def test_every_parameter_is_declared_but_those_of_a_function_as_kernel() -> None:
    taken = set(inspect.signature(KPCA).parameters) - {"contamination"}
    assert taken - set(declaration_of("KPCA").parameters) == {"kernel_params"}
