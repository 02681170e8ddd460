"""KNN: exact distances where PyOD's are products, and contributions to the neighbours it counts."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as Unimplemented
from pyod.models.knn import KNN
from sklearn.neighbors import VALID_METRICS

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS
from pynomaly_inference.convert.refused import REFUSED_METRICS
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def _taxicab(a: Matrix, b: Matrix) -> float:
    return float(np.abs(a - b).sum())


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


@pytest.mark.parametrize("metric", [*METRICS, *BRUTE_METRICS])
def test_every_metric_declared_scores_as_pyod(run: Run, agree: Agree, metric: str) -> None:
    random = np.random.default_rng(0)
    X = random.standard_normal((200, 3)) * (random.random((200, 3)) < 0.6)
    # Euclidean distances have no reference but PyOD here: `sqeuclidean` and `cosine` are products, right to 1e-15.
    detector = KNN(metric=metric, p=3, method="mean").fit(X)
    rows = np.concatenate([X[:50] * 2 + 1, np.zeros((1, 3))])
    ours = run(to_onnx(detector), rows)["score"]
    if metric == "braycurtis":
        assert np.all(ours <= detector.decision_function(rows) * (1 + 1e-12))
        return
    agree(detector, ours, detector.decision_function(rows))
    agree(detector, ours, reference_scores(detector, rows))


def test_powers_below_1_score_as_pyod(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((200, 3))
    with pytest.warns(UserWarning, match="not distance metrics"):
        detector = KNN(p=0.5).fit(X)
    agree(detector, run(to_onnx(detector), X * 2)["score"], detector.decision_function(X * 2))


def test_pyods_tree_misses_neighbours_by_braycurtis_and_the_graph_does_not(run: Run, agree: Agree) -> None:
    """The tree relies on the triangle inequality, which Bray-Curtis violates."""
    random = np.random.default_rng(0)
    X, rows = random.lognormal(0, 2, (1000, 5)), random.lognormal(0, 2, (300, 5))
    detector = KNN(metric="braycurtis", n_neighbors=1, leaf_size=2).fit(X)
    sums = np.abs(rows[:, None] - X).sum(axis=2) / (np.abs(rows)[:, None] + np.abs(X)).sum(axis=2)
    assert np.max(detector.decision_function(rows) / sums.min(axis=1)) > 1.2
    agree(detector, run(to_onnx(detector), rows)["score"], sums.min(axis=1))


def test_pyods_cosines_cancel_among_parallel_rows_and_ours_do_not(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((200, 3)) + 1e5
    detector = KNN(metric="cosine").fit(X)
    rows = X[:50] + 0.1
    # |a x b|^2 / (|a|^2 |b|^2) is the squared sine, of small angles twice the distance to 1e-10.
    crossed = np.cross(rows[:, None], X[None])
    sines = (crossed**2).sum(axis=2) / (rows**2).sum(axis=1)[:, None] / (X**2).sum(axis=1)
    exact = np.sort(sines, axis=1)[:, 4] / 2
    assert np.max(np.abs(detector.decision_function(rows) / exact - 1)) > 1e-6
    assert run(to_onnx(detector), rows)["score"] == pytest.approx(exact, rel=1e-9)
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))


@pytest.mark.parametrize("zeros", [0, 1, 3])
def test_cosines_are_ranked_by_a_product_also_of_rows_without_direction(run: Run, agree: Agree, zeros: int) -> None:
    X = np.random.default_rng(0).standard_normal((300, 6))
    X[:zeros] = 0.0
    detector = KNN(metric="cosine", method="mean").fit(X)
    model = to_onnx(detector)
    assert any(node.op_type == "MatMul" for node in model.graph.node)
    rows = np.concatenate([X * 1.5 + 0.01, X[:20] * -3.0, np.zeros((1, 6))])
    agree(detector, run(model, rows)["score"], detector.decision_function(rows))
    agree(detector, run(model, rows)["score"], reference_scores(detector, rows))


def test_a_share_of_almost_nothing_is_no_division_by_0(run: Run, agree: Agree) -> None:
    least = float(np.nextafter(0.0, 1.0))
    X: Matrix = np.random.default_rng(0).integers(0, 3, (200, 3)) * np.float64(least)
    detector = KNN(metric="canberra", n_neighbors=150).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


@pytest.mark.parametrize("metric", ["sqeuclidean", "canberra", "hamming", "manhattan"])
def test_contributions_to_the_kth_neighbour_sum_to_the_score_where_the_distance_is_a_sum(run: Run, metric: str) -> None:
    X = np.random.default_rng(0).integers(0, 5, (100, 4)).astype(np.float64)
    outputs = run(to_onnx(KNN(metric=metric).fit(X)), X[:30] * 2 + 1)
    assert outputs["contributions"].sum(axis=1) == pytest.approx(outputs["score"], rel=1e-12)


@pytest.mark.parametrize(
    "metric", ["chebyshev", "infinity", "braycurtis", "cosine", "jaccard", "rogerstanimoto", "russellrao"]
)
def test_a_distance_that_is_no_sum_has_no_contributions(run: Run, metric: str) -> None:
    X = np.random.default_rng(0).integers(0, 2, (100, 4)).astype(np.float64)
    assert "contributions" not in run(to_onnx(KNN(metric=metric).fit(X)), X[:3])


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("correlation", "`correlation` is refused, a row of equal numbers has none"),
        ("nan_euclidean", "`nan_euclidean` is refused, no detector sees a missing value"),
        ("dice", "`dice` is refused, of two rows of zeros it is 0 / 0"),
        ("p", "`p` is refused, to scikit-learn it is `euclidean`"),
        (_taxicab, "a function"),
    ],
)
def test_other_metrics_are_refused_by_name_with_the_reason(metric: Any, reason: str) -> None:
    X = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.raises(NotConvertible, match=f"parameter `metric` of KNN.*{reason}"):
        to_onnx(KNN(metric=metric).fit(X))


def test_every_metric_by_which_pyod_scores_is_served_or_refused_with_a_reason() -> None:
    not_by_name = {"precomputed", "pyfunc"}
    known = set().union(*VALID_METRICS.values()) - not_by_name
    assert known == {*METRICS, *BRUTE_METRICS} | REFUSED_METRICS.keys()


def test_a_metric_that_is_called_p_is_euclidean_whatever_the_power() -> None:
    X = np.random.default_rng(0).standard_normal((50, 3))
    assert KNN(metric="p", p=3).fit(X).decision_scores_.tolist() == KNN().fit(X).decision_scores_.tolist()


def test_onnx_runtime_has_no_arc_sine_in_double_precision(run: Run) -> None:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", 1])
    graph.output("angle", graph.op("Asin", x), TensorProto.DOUBLE, ["n", 1])
    with pytest.raises(Unimplemented, match="Asin"):
        run(graph.model("test"), np.zeros((1, 1)))


def test_rows_shorter_than_scikit_learn_tells_from_zero_have_no_direction(run: Run, agree: Agree) -> None:
    """It leaves rows below ten times the rounding of 1 as they are, and takes the cosine to be 0."""
    X = np.random.default_rng(0).standard_normal((200, 6))
    X[:3] *= 1e-16
    detector = KNN(metric="cosine", method="mean").fit(X)
    rows = np.concatenate([X[:5], X[5:9] * 1e-16, X[5:9] * 1e-14, X[5:9] * 1e200])
    theirs = detector.decision_function(rows)
    assert theirs[5:9] == pytest.approx(1.0, abs=1e-12)
    assert np.all(theirs[9:13] < 0.9)
    agree(detector, run(to_onnx(detector), rows)["score"], theirs)
    agree(detector, reference_scores(detector, rows), theirs)


def test_parameters_of_a_metric_are_refused_by_name() -> None:
    X = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.raises(NotConvertible, match="metric_params"):
        to_onnx(KNN(metric_params={"w": np.array([1.0, 2.0, 3.0])}).fit(X))


def test_the_file_holds_the_training_rows_once() -> None:
    X = np.random.default_rng(0).standard_normal((3000, 10))
    for detector in (KNN(), KNN(metric="manhattan")):
        assert to_onnx(detector.fit(X)).ByteSize() < X.nbytes * 1.1


def test_it_says_that_it_keeps_training_rows_and_how_many_rows_a_run_takes() -> None:
    detector = KNN().fit(np.random.default_rng(0).standard_normal((34_000, 2)))
    declaration = declaration_of(detector)
    assert declaration.keeps_training_rows
    assert declaration.chunk(detector) == 32


def test_every_parameter_declared_is_one_of_pyods() -> None:
    assert set(declaration_of("KNN").parameters) < set(inspect.signature(KNN).parameters)


@pytest.mark.parametrize("method", ["largest", "mean", "median"])
@pytest.mark.parametrize("copies", [4, 8])
def test_duplicates_beside_points_that_a_product_cannot_tell_from_them_are_at_distance_0(
    run: Run, agree: Agree, copies: int, method: str
) -> None:
    random = np.random.default_rng(0)
    clusters = np.concatenate([side * 1e6 + random.uniform(0, 0.05, (20, 3)) for side in (-1, 1)])
    detector = KNN(method=method).fit(np.repeat(clusters, copies, axis=0))
    agree(detector, run(to_onnx(detector), clusters)["score"], detector.decision_function(clusters))
