"""KNN: exact distances where PyOD's are products, and contributions to the neighbours it counts."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.knn import KNN

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def nearest_terms(X: Matrix, row: Matrix, p: float) -> Matrix:
    """[rows, columns]: |difference| ** p to each training row, the nearest first."""
    terms = np.abs(X - row) ** p
    return terms[np.argsort(terms.sum(axis=1), kind="stable")]


@pytest.mark.parametrize(
    ("method", "k", "counted"),
    [("largest", 5, [4]), ("mean", 5, [0, 1, 2, 3, 4]), ("median", 5, [2]), ("median", 4, [1, 2])],
)
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_contributions_are_the_differences_to_the_neighbours_counted(
    run: Run, method: str, k: int, counted: list[int], p: float
) -> None:
    X = np.random.default_rng(0).standard_normal((100, 3))
    rows = np.random.default_rng(1).standard_normal((10, 3)) * 3
    contributions = run(to_onnx(KNN(method=method, n_neighbors=k, p=p).fit(X)), rows)["contributions"]
    for row, ours in zip(rows, contributions, strict=True):
        assert ours == pytest.approx(nearest_terms(X, row, p)[counted].mean(axis=0), rel=1e-10)


def test_contributions_to_the_kth_neighbour_sum_to_the_squared_score(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((100, 3))
    outputs = run(to_onnx(KNN().fit(X)), X[:30] * 2)
    assert outputs["contributions"].sum(axis=1) == pytest.approx(outputs["score"] ** 2, rel=1e-12)


def test_pyods_distances_above_15_features_leave_the_tolerance_and_ours_do_not(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((300, 16)) + 100.0
    detector = KNN(method="largest", n_neighbors=1).fit(X)
    # A training row is at distance 0 from itself.
    assert np.abs(detector.decision_function(X)).max() > 1e-7
    assert run(to_onnx(detector), X)["score"].tolist() == [0.0] * len(X)
    rows = X + np.random.default_rng(1).standard_normal(X.shape) * 1e-3
    exact = np.sqrt(((rows[:, None] - X[None]) ** 2).sum(axis=2).min(axis=1))
    scale = float(np.median(detector.decision_scores_))
    pyods = np.abs(detector.decision_function(rows) - exact)
    assert np.any(pyods > [tolerance(score, scale) for score in exact])
    agree(detector, reference_scores(detector, rows), exact)
    agree(detector, run(to_onnx(detector), rows)["score"], exact)


def test_up_to_15_features_the_reference_is_pyod_itself() -> None:
    X = np.random.default_rng(0).standard_normal((300, 15))
    detector = KNN().fit(X)
    assert np.array_equal(reference_scores(detector, X[:40] * 3), detector.decision_function(X[:40] * 3))


@pytest.mark.parametrize("metric", ["euclidean", "l2", "manhattan", "cityblock", "l1", "minkowski"])
def test_every_metric_declared_scores_as_pyod(run: Run, agree: Agree, metric: str) -> None:
    X = np.random.default_rng(0).standard_normal((200, 3))
    detector = KNN(metric=metric, p=3).fit(X)
    agree(detector, run(to_onnx(detector), X * 2)["score"], detector.decision_function(X * 2))


def test_the_file_holds_the_training_rows_once() -> None:
    X = np.random.default_rng(0).standard_normal((3000, 10))
    for detector in (KNN(), KNN(metric="manhattan")):
        assert to_onnx(detector.fit(X)).ByteSize() < X.nbytes + 10_000


def test_it_says_that_it_keeps_training_rows_and_how_many_rows_a_run_takes() -> None:
    detector = KNN().fit(np.random.default_rng(0).standard_normal((34_000, 2)))
    declaration = declaration_of(detector)
    assert declaration.keeps_training_rows
    assert declaration.chunk(detector) == 61


def test_every_parameter_declared_is_one_of_pyods() -> None:
    assert set(declaration_of("KNN").parameters) < set(inspect.signature(KNN).parameters)
