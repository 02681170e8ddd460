"""Neighbours are found and measured exactly, however the points lie."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert import ranking
from pynomaly_inference.convert.candidates import Neighbours
from pynomaly_inference.convert.first_neighbours import first_nearest
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.neighbours import nearest, nearest_in_any_order, rows_at_once
from pynomaly_inference.convert.ranking import (
    MOST_TIES,
    Points,
    is_whole,
    product_is_negligibly_off,
    product_ranks,
    product_tells_apart,
    single_precision_ranks,
)
from pynomaly_inference.convert.selection import GROUP

Matrix = NDArray[np.float64]
Find = Callable[..., Neighbours]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def distances(X: Matrix, points: Matrix, p: float) -> Matrix:
    """[n, points], ascending by row, by subtraction."""
    powers = np.zeros((len(X), len(points)))
    for column in range(points.shape[1]):
        powers += np.abs(X[:, column, None] - points[None, :, column]) ** p
    return np.sort(powers, axis=1) ** (1 / p)


def points_of(rows: Matrix) -> Points:
    return Points(rows, distances(rows, rows, 2)[:, 1])


def model_of(points: Points, count: int, p: float, find: Find = nearest) -> onnx.ModelProto:
    graph, columns = Graph(), points.rows.shape[1]
    metric = metric_of("minkowski", p, columns)
    found = find(graph.input("X", TensorProto.DOUBLE, ["n", columns]), points, count, metric)
    graph.output("distances", metric.root(found.measures), TensorProto.DOUBLE, ["n", count])
    graph.output("places", found.places, TensorProto.INT64, ["n", count])
    return graph.model("test")


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("count", [2047, 2048, 2049, 2063, 2500])
def test_the_nearest_are_found_whether_grouped_or_not(run: Run, count: int, p: float) -> None:
    random = np.random.default_rng(0)
    rows, X = random.standard_normal((count, 3)), random.standard_normal((20, 3))
    found = run(model_of(Points(rows, np.ones(count)), 5, p), X)["distances"]
    assert found == pytest.approx(distances(X, rows, p)[:, :5], rel=1e-13)


def test_the_nearest_may_all_be_of_one_group(run: Run) -> None:
    rows = np.full((2048, 1), 100.0)
    groups = 2048 // GROUP
    rows[::groups, 0] = np.arange(GROUP)  # the members of the first group
    found = run(model_of(Points(rows, np.ones(2048)), 7, 2), np.array([[-1.0]]))["distances"]
    assert found[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_padding_is_never_a_neighbour(run: Run) -> None:
    angles = np.linspace(0, 2 * np.pi, 2050, endpoint=False)
    rows = 10 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for p in (1.0, 2.0):
        found = run(model_of(Points(rows, np.ones(2050)), 3, p), np.zeros((1, 2)))["distances"]
        assert found == pytest.approx(distances(np.zeros((1, 2)), rows, p)[:, :3], rel=1e-12)


def test_more_neighbours_than_groups_are_found(run: Run) -> None:
    random = np.random.default_rng(0)
    rows, X = random.standard_normal((2048, 2)), random.standard_normal((3, 2))
    found = run(model_of(points_of(rows), 150, 2), X)["distances"]
    assert found == pytest.approx(distances(X, rows, 2)[:, :150], rel=1e-12)


def far_clusters() -> Matrix:
    """Two clouds a million apart, with points a thousandth apart inside."""
    random = np.random.default_rng(0)
    cloud = random.standard_normal((100, 3)) * 1e-3
    return np.concatenate([cloud, cloud[::-1] + 1e6])


def test_a_product_would_choose_wrong_neighbours_in_far_small_clusters(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = far_clusters()
    points, exact = points_of(rows), distances(rows, rows, 2)[:, :5]
    assert not product_tells_apart(points)
    assert run(model_of(points, 5, 2), rows)["distances"] == pytest.approx(exact, rel=1e-9, abs=1e-12)
    monkeypatch.setattr(ranking, "product_tells_apart", lambda _points: True)
    assert np.max(np.abs(run(model_of(points, 5, 2), rows)["distances"] - exact)) > 1e-4


def test_an_offset_costs_the_product_nothing_because_it_is_centred(run: Run) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((200, 3)) + 1e6
    points = points_of(rows)
    assert product_tells_apart(points)
    assert run(model_of(points, 5, 2), rows)["distances"] == pytest.approx(distances(rows, rows, 2)[:, :5], rel=1e-12)


def by_place(X: Matrix, rows: Matrix, p: float, count: int) -> NDArray[np.int64]:
    """[n, count]: of equally far points the first."""
    powers = np.stack([(np.abs(rows - x) ** p).sum(axis=1) for x in X])
    return np.argsort(powers, axis=1, kind="stable")[:, :count]


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("count", [60, 500, 5000])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_of_equally_far_points_the_first_are_taken(run: Run, shift: float, count: int, p: float) -> None:
    random = np.random.default_rng(0)
    rows: Matrix = random.integers(0, 4, (count, 3)) + np.float64(shift)
    X = np.concatenate([rows[:40], np.full((1, 3), 1.5)])
    points = Points(rows, np.ones(count), ties=1)
    found = run(model_of(points, 7, p, first_nearest), X)
    assert np.array_equal(np.sort(found["places"]), np.sort(by_place(X, rows, p, 7)))
    assert np.sort(found["distances"]) == pytest.approx(distances(X, rows, p)[:, :7], rel=1e-15)


def test_points_that_only_rounding_tells_apart_are_equally_far(run: Run) -> None:
    rows = np.random.default_rng(0).integers(0, 9, (400, 3)).astype(np.float64)
    scaled = (rows - 1.7) / 0.37
    wanted = np.sort(by_place(rows[:60], rows, 2, 7))
    assert not np.array_equal(np.sort(by_place(scaled[:60], scaled, 2, 7)), wanted)
    places = run(model_of(Points(scaled, np.ones(400), ties=1), 7, 2, first_nearest), scaled[:60])["places"]
    assert np.array_equal(np.sort(places), wanted)


@pytest.mark.parametrize("tied", [0, 5, 50])
@pytest.mark.parametrize("count", [200, 2000])
def test_however_many_points_are_equally_far_the_first_are_taken(run: Run, count: int, tied: int) -> None:
    """More than there are candidates, in some rows of a run, are searched for again."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((count, 3)) + 0.1
    rows[random.permutation(count)[: tied + 1]] = [2.0, 3.0, 5.0]
    X = np.concatenate([random.standard_normal((20, 3)), [[2.0, 3.0, 5.0], [2.1, 3.1, 5.1]]])
    points = points_of(rows)._replace(ties=2)
    assert not is_whole(rows)
    assert product_ranks(points)
    model = model_of(points, 4, 2, first_nearest)
    assert sum(node.op_type == "If" for node in model.graph.node) == 1
    assert np.array_equal(np.sort(run(model, X)["places"]), np.sort(by_place(X, rows, 2, 4)))


def test_where_a_product_cannot_tell_ties_every_point_is_subtracted(run: Run) -> None:
    rows = np.repeat(far_clusters() * 1e-3, 3, axis=0)[np.random.default_rng(0).permutation(600)]
    points = points_of(rows)._replace(ties=2)
    assert not product_ranks(points)
    found = run(model_of(points, 4, 2, first_nearest), rows[:50])
    assert np.array_equal(np.sort(found["places"]), np.sort(by_place(rows[:50], rows, 2, 4)))


@pytest.mark.parametrize(("ties", "multiplies"), [(2, True), (MOST_TIES, False)])
def test_points_of_few_columns_with_ties_without_end_are_subtracted(run: Run, ties: int, multiplies: bool) -> None:
    rows: Matrix = np.random.default_rng(0).integers(0, 3, (400, 3)) * np.float64(0.37) - 1.0
    model = model_of(Points(rows, np.ones(400), ties), 7, 2, first_nearest)
    assert any(node.op_type == "MatMul" for node in model.graph.node) is multiplies
    whole = np.rint((rows + 1.0) / 0.37)
    places = run(model, rows[:60])["places"]
    assert np.array_equal(np.sort(places), np.sort(by_place(whole[:60], whole, 2, 7)))


def chebyshev(X: Matrix, rows: Matrix, count: int) -> Matrix:
    return np.sort(np.abs(X[:, None] - rows).max(axis=2), axis=1)[:, :count]


@pytest.mark.parametrize("scale", [1e-45, 1e-6, 1.0, 1e25])
@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_single_precision_selects_only_where_it_is_verified(run: Run, metric: str, scale: float) -> None:
    """Rows near a point, far from all, and where single precision is infinite, 0, or takes other points for nearer."""
    random = np.random.default_rng(0)
    cloud = random.standard_normal((700, 4)) + 3.0
    rows = cloud * scale
    points = Points(rows, scale * distances(cloud, cloud, 1)[:, 5])
    X = np.concatenate([rows[:30] * (1 + 1e-9), cloud[:30] * scale * 1e3, cloud[:3] * 1e5 * scale, cloud[:3] * 1e60])
    graph = Graph()
    found = nearest(graph.input("X", TensorProto.DOUBLE, ["n", 4]), points, 5, metric_of(metric, 2.0, 4))
    graph.output("distances", found.measures, TensorProto.DOUBLE, ["n", 5])
    model = graph.model("test")
    assert sum(node.op_type == "If" for node in model.graph.node) == 1
    exact = distances(X, rows, 1)[:, :5] if metric == "manhattan" else chebyshev(X, rows, 5)
    for start in range(0, len(X), 11):
        assert run(model, X[start : start + 11])["distances"] == pytest.approx(exact[start : start + 11], rel=1e-13)


def test_points_that_single_precision_confuses_are_compared_in_double(run: Run) -> None:
    rows = np.repeat(np.random.default_rng(0).standard_normal((100, 3)), 7, axis=0)
    rows += np.arange(700)[:, None] % 7 * 1e-9
    graph = Graph()
    assert not single_precision_ranks(Points(rows, np.full(700, 1e-9)))
    # Told that neighbours are far apart, the graph finds that no row can be verified.
    metric, spaced = metric_of("manhattan", 1.0, 3), Points(rows, np.ones(700))
    found = nearest(graph.input("X", TensorProto.DOUBLE, ["n", 3]), spaced, 3, metric)
    graph.output("distances", found.measures, TensorProto.DOUBLE, ["n", 3])
    assert run(graph.model("test"), rows[:70])["distances"] == pytest.approx(distances(rows[:70], rows, 1)[:, :3])


def test_groups_of_points_would_take_others_than_the_first(run: Run) -> None:
    rows = np.zeros((4096, 2))
    X = np.ones((1, 2))
    first = {0, 1, 2, 3, 4}
    for ties in (0, 1):
        points = Points(rows, np.ones(4096), ties)
        assert set(run(model_of(points, 5, 1, first_nearest), X)["places"][0].tolist()) == first
    assert set(run(model_of(points, 5, 1, nearest_in_any_order), X)["places"][0].tolist()) != first


def test_of_two_points_on_both_sides_of_a_row_the_first_is_taken(run: Run) -> None:
    """No point is equally far from two others, but a row halfway between neighbours is."""
    rows = np.random.default_rng(0).standard_normal((200, 3))
    own = by_place(rows, rows, 2, 2)
    halfway = (rows + rows[own[:, 1]]) / 2
    points = points_of(rows)
    assert product_is_negligibly_off(points)
    assert run(model_of(points, 1, 2, first_nearest), halfway)["places"][:, 0].tolist() == own.min(axis=1).tolist()


def test_where_rounding_is_negligible_neighbours_are_selected_once(run: Run) -> None:
    rows = np.random.default_rng(0).standard_normal((200, 3))
    near, offset = points_of(rows), points_of(np.concatenate([rows, rows[:20] * 0.3 + 1e3]))
    assert product_is_negligibly_off(near)
    assert product_tells_apart(offset)
    assert not product_is_negligibly_off(offset)
    for points in (near, offset):
        model = model_of(points, 5, 2, nearest_in_any_order)
        selected = sum(node.op_type == "TopK" for node in model.graph.node)
        assert selected == (1 if points is near else 2)
        found = np.sort(run(model, points.rows + 1e-9)["distances"])
        assert found == pytest.approx(distances(points.rows + 1e-9, points.rows, 2)[:, :5], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("points", "rows"), [(100, 256), (2000, 65), (34_000, 32), (100_000, 20), (10_000_000, 1)])
def test_a_run_takes_as_many_rows_as_stay_in_the_cache(points: int, rows: int) -> None:
    assert rows_at_once(points) == rows
