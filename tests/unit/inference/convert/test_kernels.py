"""Kernels as expressions: scikit-learn's values, and exact distances where a product has none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from scipy import special
from sklearn.metrics.pairwise import pairwise_kernels

from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.kernels import Kernel, logsumexp, power, scaled_squared_distances

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]

KINDS = ("linear", "poly", "rbf", "sigmoid", "cosine")


def model(write: Callable[[Expr], Expr], columns: int, shape: list[str | int]) -> onnx.ModelProto:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", columns])
    graph.output("value", write(x), TensorProto.DOUBLE, shape)
    return graph.model("test")


def normal(seed: int) -> Matrix:
    return np.random.default_rng(seed).standard_normal((20, 3))


def arguments(kind: str) -> dict[str, float]:
    used = {"poly": ("gamma", "degree", "coef0"), "rbf": ("gamma",), "sigmoid": ("gamma", "coef0")}
    given = {"gamma": 0.3, "degree": 3, "coef0": 0.5}
    return {name: given[name] for name in used.get(kind, ())}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_is_scikit_learns(run: Run, kind: str) -> None:
    kernel = Kernel(kind, 0.3, 3, 0.5)
    points, rows = normal(0), normal(1)
    values = run(model(lambda x: kernel.write(x, points), 3, ["n", 20]), rows)["value"]
    assert values == pytest.approx(pairwise_kernels(rows, points, metric=kind, **arguments(kind)), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_of_a_row_and_itself_is_the_diagonal(run: Run, kind: str) -> None:
    kernel, rows = Kernel(kind, 0.3, 3, 0.5), normal(1)
    own = run(model(lambda x: x.sum(axis=1) * 0.0 + kernel.with_itself(x), 3, ["n"]), rows)["value"]
    diagonal = pairwise_kernels(rows, metric=kind, **arguments(kind)).diagonal()
    assert own == pytest.approx(diagonal, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_its_size_is_at_least_its_value(kind: str) -> None:
    kernel, points, rows = Kernel(kind, 0.3, 3, 0.5), normal(0), normal(1)
    values = pairwise_kernels(rows, points, metric=kind, **arguments(kind))
    assert np.all(kernel.size(rows, points) >= np.abs(values) * (1 - 1e-12))


@pytest.mark.parametrize(("offset", "spread", "multiplies"), [(0.0, 1.0, True), (1e6, 1.0, True), (0.0, 1e6, False)])
def test_distances_are_products_only_where_their_rounding_is_negligible(
    run: Run, offset: float, spread: float, multiplies: bool
) -> None:
    points = normal(0) * [spread, 1.0, 1.0] + offset
    rows = points + normal(1) * 0.5
    written = model(lambda x: scaled_squared_distances(x, points, -0.5), 3, ["n", 20])
    assert multiplies == ("MatMul" in {node.op_type for node in written.graph.node})
    exact = -0.5 * ((rows[:, None] - points[None]) ** 2).sum(axis=2)
    assert run(written, rows)["value"] == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 6, 7, 0.5])
def test_a_power_is_numpys(run: Run, exponent: float) -> None:
    rows = np.abs(normal(0))
    assert run(model(lambda x: power(x, exponent), 3, ["n", 3]), rows)["value"] == pytest.approx(
        rows**exponent, rel=1e-14
    )


def test_logsumexp_is_scipys_where_exponentials_vanish_or_overflow(run: Run) -> None:
    rows = np.array([[-2000.0, -2001.0, -1e9], [2000.0, 1999.0, 0.0], [-np.inf, 0.0, 1.0], [-np.inf] * 3])
    with np.errstate(divide="ignore"):
        expected = special.logsumexp(rows, axis=1)
    assert run(model(lambda x: logsumexp(x, axis=1), 3, ["n"]), rows)["value"].tolist() == pytest.approx(
        expected.tolist(), rel=1e-14
    )
