"""Neighbours are found and measured exactly, however the points lie."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert import neighbours
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.neighbours import Points, nearest, product_tells_apart, root, rows_at_once

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def distances(X: Matrix, points: Matrix, p: float) -> Matrix:
    """[n, points], ascending by row, by subtraction."""
    powers = np.zeros((len(X), len(points)))
    for column in range(points.shape[1]):
        powers += np.abs(X[:, column, None] - points[None, :, column]) ** p
    return np.sort(powers, axis=1) ** (1 / p)


def points_of(rows: Matrix) -> Points:
    return Points(rows, distances(rows, rows, 2)[:, 1])


def model_of(points: Points, count: int, p: float) -> onnx.ModelProto:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", points.rows.shape[1]])
    graph.output("score", root(nearest(x, points, count, p).distances, p), TensorProto.DOUBLE, ["n", count])
    return graph.model("test")


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("count", [2047, 2048, 2049, 2063, 2500])
def test_the_nearest_are_found_whether_grouped_or_not(run: Run, count: int, p: float) -> None:
    random = np.random.default_rng(0)
    rows, X = random.standard_normal((count, 3)), random.standard_normal((20, 3))
    found = run(model_of(Points(rows, np.ones(count)), 5, p), X)["score"]
    assert found == pytest.approx(distances(X, rows, p)[:, :5], rel=1e-13)


def test_the_nearest_may_all_be_of_one_group(run: Run) -> None:
    rows = np.full((2048, 1), 100.0)
    groups = 2048 // neighbours.GROUP
    rows[::groups, 0] = np.arange(neighbours.GROUP)  # the members of the first group
    found = run(model_of(Points(rows, np.ones(2048)), 7, 2), np.array([[-1.0]]))["score"]
    assert found[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_padding_is_never_a_neighbour(run: Run) -> None:
    angles = np.linspace(0, 2 * np.pi, 2050, endpoint=False)
    rows = 10 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for p in (1.0, 2.0):
        found = run(model_of(Points(rows, np.ones(2050)), 3, p), np.zeros((1, 2)))["score"]
        assert found == pytest.approx(distances(np.zeros((1, 2)), rows, p)[:, :3], rel=1e-12)


def test_more_neighbours_than_groups_are_found(run: Run) -> None:
    random = np.random.default_rng(0)
    rows, X = random.standard_normal((2048, 2)), random.standard_normal((3, 2))
    found = run(model_of(points_of(rows), 150, 2), X)["score"]
    assert found == pytest.approx(distances(X, rows, 2)[:, :150], rel=1e-12)


def far_clusters() -> Matrix:
    """Two clouds a million apart, with points a thousandth apart inside."""
    random = np.random.default_rng(0)
    cloud = random.standard_normal((40, 3)) * 1e-3
    return np.concatenate([cloud, cloud[::-1] + 1e6])


def test_a_product_would_choose_wrong_neighbours_in_far_small_clusters(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = far_clusters()
    points, exact = points_of(rows), distances(rows, rows, 2)[:, :5]
    assert not product_tells_apart(points)
    assert run(model_of(points, 5, 2), rows)["score"] == pytest.approx(exact, rel=1e-9, abs=1e-12)
    monkeypatch.setattr(neighbours, "product_tells_apart", lambda _points: True)
    assert np.max(np.abs(run(model_of(points, 5, 2), rows)["score"] - exact)) > 1e-4


def test_an_offset_costs_the_product_nothing_because_it_is_centred(run: Run) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 3)) + 1e6
    points = points_of(rows)
    assert product_tells_apart(points)
    assert run(model_of(points, 5, 2), rows)["score"] == pytest.approx(distances(rows, rows, 2)[:, :5], rel=1e-12)


def test_duplicates_do_not_forbid_the_product() -> None:
    rows = np.repeat(np.random.default_rng(0).standard_normal((50, 3)), 4, axis=0)
    assert product_tells_apart(points_of(rows))


@pytest.mark.parametrize(("points", "rows"), [(100, 256), (34_000, 61), (10_000_000, 1)])
def test_a_run_takes_as_many_rows_as_stay_in_the_cache(points: int, rows: int) -> None:
    assert rows_at_once(points) == rows
