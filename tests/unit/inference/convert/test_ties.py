"""Points are equally far only where rounding may be what tells them apart, however far the row is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from pyod.models.lof import LOF
from sklearn.neighbors import NearestNeighbors

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.convert.exact_neighbours import first_nearest as found_by_numpy
from pynomaly_inference.convert.first_neighbours import first_nearest
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.ranking import Points
from pynomaly_inference.convert.ties import OF_MEASURES, OF_NUMBERS

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]

SIGMAS = [20.0, 1e4, 1e5]
NORMS = [("euclidean", 2.0), ("manhattan", 1.0), ("chebyshev", 2.0), ("minkowski", 3.0)]


def nearest_of_two(run: Run, metric: str, p: float, points: Matrix, row: float) -> tuple[int, int]:
    """Which point the graph takes for the nearest of one row of equal numbers, and which the reference."""
    columns = points.shape[1]
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", columns])
    found = first_nearest(x, Points(points, np.ones(len(points))), 1, metric_of(metric, p, columns))
    graph.output("places", found.places, TensorProto.INT64, ["n", 1])
    rows = np.full((1, columns), row)
    exact = found_by_numpy(NearestNeighbors(metric=metric, p=p).fit(points), rows, 1)
    return int(run(graph.model("test"), rows)["places"][0, 0]), int(exact.places[0, 0])


@pytest.mark.parametrize(("metric", "p"), NORMS)
@pytest.mark.parametrize("row", [1.0, 1e4, 1e6])
@pytest.mark.parametrize(("apart", "place"), [(0.2, 0), (4.0, 1)])
def test_a_nearer_point_is_taken_when_it_is_nearer_by_more_than_a_share_of_the_rows_numbers(
    run: Run, metric: str, p: float, row: float, apart: float, place: int
) -> None:
    points = np.zeros((300, 2))
    # Its distance is as long as the row, whose numbers added up are at most twice that.
    points[1:] = 3 * OF_NUMBERS * row * apart
    points[2:] = -row
    assert nearest_of_two(run, metric, p, points, row) == (place, place)


@pytest.mark.parametrize(("metric", "p"), NORMS)
@pytest.mark.parametrize(("apart", "place"), [(0.2, 0), (4.0, 1)])
def test_however_large_the_numbers_distances_that_differ_in_the_tenth_digit_are_not_equal(
    run: Run, metric: str, p: float, apart: float, place: int
) -> None:
    offset = 2.0**14
    points = np.full((300, 2), offset)
    points[1:] += OF_MEASURES * apart
    points[2:] -= 1.0
    assert nearest_of_two(run, metric, p, points, offset + 1.0) == (place, place)


@pytest.mark.parametrize("columns", [1, 3, 8])
@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "canberra"])
def test_of_measured_numbers_rows_however_far_score_as_pyod(
    run: Run, agree: Agree, metric: str, sigmas: float, columns: int
) -> None:
    """The rows lie far along one feature, where neighbours' distances differ by little of them."""
    random = np.random.default_rng(0)
    X = random.standard_normal((1500, columns)) * 0.7 + 2.0
    detector = LOF(metric=metric).fit(X)
    rows = random.standard_normal((60, columns)) + 2.0
    rows[:, 0] += sigmas * np.abs(random.standard_normal(60))
    ours, theirs = run(to_onnx(detector, training_rows=X), rows)["score"], detector.decision_function(rows)
    if metric == "canberra" and columns == 1:
        # |a - b| / (|a| + |b|) is 1 of all numbers of the other sign.
        tied = np.abs(ours / theirs - 1) > 1e-9
        assert tied.mean() < 0.2
        agree(detector, ours, reference_scores(detector, rows))
        return
    agree(detector, ours, theirs)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_a_row_whose_square_is_almost_infinite_has_the_score_of_its_reference(
    run: Run, agree: Agree, metric: str
) -> None:
    X = np.random.default_rng(0).standard_normal((300, 4))
    detector = LOF(metric=metric).fit(X)
    rows = np.concatenate([X[:5] * size for size in (1e151, 1e153, 1e154, 1e160)])
    ours = run(to_onnx(detector), rows)["score"]
    assert not np.isnan(ours).any()
    with np.errstate(over="ignore", divide="ignore"):
        agree(detector, ours, reference_scores(detector, rows))
        assert np.array_equal(np.isinf(ours), np.isinf(detector.decision_function(rows)))
