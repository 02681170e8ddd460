"""A product of matrices ranks points where its rounding does not show, and says how far off it may be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.ranking import (
    Points,
    centre,
    margin,
    product_is_negligibly_off,
    product_ranks,
    product_tells_apart,
    product_tells_ties,
    products,
    squares,
)
from pynomaly_inference.convert.ties import stretch

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
RANDOM = np.random.default_rng(0)
LATTICE = RANDOM.integers(0, 9, (300, 4)) * np.array([1.0, 0.7, 1.3, 0.11]) - 2.7


def spaced(rows: Matrix, ties: int = 0) -> Points:
    ordered = np.sort(((rows[:, None] - rows) ** 2).sum(axis=2), axis=1)
    return Points(rows, np.sqrt(ordered[:, 1]), ties)


def test_duplicates_forbid_neither_the_product_nor_that_it_tells_ties() -> None:
    points = spaced(np.repeat(RANDOM.standard_normal((50, 3)), 4, axis=0), ties=3)
    assert not product_is_negligibly_off(points)
    assert product_tells_apart(points)
    assert product_tells_ties(points)
    assert product_ranks(points)


@pytest.mark.parametrize(("apart", "ranks"), [(1e-1, True), (1e-4, False)])
def test_ties_are_told_where_rounding_is_small_beside_the_distance_of_neighbours(apart: float, ranks: bool) -> None:
    pairs = np.repeat(RANDOM.standard_normal((50, 3)), 2, axis=0)
    pairs[::2, 0] += apart
    points = spaced(pairs, ties=1)
    assert product_tells_apart(points)
    assert product_tells_ties(points) is ranks
    assert product_ranks(points) is ranks


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_products_of_equally_far_points_are_within_the_margin_and_others_are_not(run: Run, scale: float) -> None:
    rows, X = LATTICE * scale, np.concatenate([LATTICE[:40], LATTICE[:40] * 50]) * scale
    graph = Graph()
    raw = graph.input("X", TensorProto.DOUBLE, ["n", 4])
    x = raw - centre(rows)
    found = products(x, graph.constant(rows), rows, 0)
    kth = graph.smallest(found, 7)[0].columns([6])
    square = squares(x, kth)
    step = margin(x, square, stretch(raw, square, metric_of("euclidean", 2.0, 4), 4), 4)
    graph.output("steps", (found - kth).abs() / step, TensorProto.DOUBLE, ["n", 300])
    exact = ((X[:, None] - rows) ** 2).sum(axis=2)
    limits = np.sort(exact, axis=1)[:, 6, None]
    equal = np.abs(exact - limits) <= 1e-13 * limits
    assert equal.sum(axis=1).max() > 1
    steps = run(graph.model("test"), X)["steps"]
    assert np.max(steps[equal]) <= 1.0
    assert np.min(steps[~equal]) > 2.0


def test_onnx_runtime_drops_an_addend_that_keeps_the_margin_above_0(run: Run) -> None:
    """So it is the greater of both: at the centre of the points, nothing else is above 0."""
    tiny = float(np.finfo(np.float64).tiny)

    def model(kept: Callable[[Expr], Expr]) -> onnx.ModelProto:
        graph = Graph()
        x = graph.input("X", TensorProto.DOUBLE, ["n", 1])
        graph.output("kept", kept(x.square()) * 2.0, TensorProto.DOUBLE, ["n", 1])
        return graph.model("test")

    zero = np.zeros((1, 1))
    assert run(model(lambda x: x + tiny), zero)["kept"] == 0.0
    assert run(model(lambda x: x.graph.op("Max", x, tiny)), zero)["kept"] == 2 * tiny
