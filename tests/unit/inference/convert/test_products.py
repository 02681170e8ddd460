"""A product of matrices decides which point is nearest only where its rounding cannot show."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert import products
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.products import nearest_measure, squared_distances

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
RANDOM = np.random.default_rng(0)
CLOUD = RANDOM.standard_normal((20, 5))
FAR_PAIRS = np.concatenate([CLOUD + 1e6, CLOUD - 1e6, CLOUD + 1e6 + 1e-3])


def nearest_model(points: Matrix, metric: str) -> onnx.ModelProto:
    graph, columns = Graph(), points.shape[1]
    x = graph.input("X", TensorProto.DOUBLE, ["n", columns])
    graph.output("measure", nearest_measure(x, points, metric_of(metric, 2.0, columns)), TensorProto.DOUBLE, ["n"])
    return graph.model("test")


def squares(X: Matrix, points: Matrix) -> Matrix:
    """[n, points], by subtraction."""
    return np.stack([((points - x) ** 2).sum(axis=1) for x in X])


def multiplies(model: onnx.ModelProto) -> bool:
    return any(node.op_type == "MatMul" for node in model.graph.node)


@pytest.mark.parametrize("points", [CLOUD, CLOUD + 1e6, np.repeat(CLOUD, 3, axis=0), CLOUD[:1]])
def test_the_nearest_point_is_measured_by_subtraction(run: Run, points: Matrix) -> None:
    model = nearest_model(points, "euclidean")
    assert multiplies(model)
    X = np.concatenate([points, points + 1e-7, points + 1e4, RANDOM.standard_normal((50, 5))])
    assert run(model, X)["measure"] == pytest.approx(squares(X, points).min(axis=1), rel=1e-13)


def test_points_that_a_product_confuses_are_subtracted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = squares(FAR_PAIRS, FAR_PAIRS).min(axis=1)
    model = nearest_model(FAR_PAIRS, "euclidean")
    assert not multiplies(model)
    assert run(model, FAR_PAIRS)["measure"].tolist() == exact.tolist()
    monkeypatch.setattr(products, "_tells_nearest", lambda _points: True)
    assert run(nearest_model(FAR_PAIRS, "euclidean"), FAR_PAIRS)["measure"].max() > 1e-7


def test_other_metrics_are_subtracted(run: Run) -> None:
    X = RANDOM.standard_normal((50, 5))
    nearest = np.abs(X[:, None] - CLOUD).sum(axis=2).min(axis=1)
    assert run(nearest_model(CLOUD, "manhattan"), X)["measure"] == pytest.approx(nearest, rel=1e-13)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_squared_distances_are_off_by_the_rounding_of_centred_rows(run: Run, offset: float) -> None:
    graph, points, less = Graph(), CLOUD + offset, np.arange(20.0)
    x = graph.input("X", TensorProto.DOUBLE, ["n", 5])
    graph.output("squares", squared_distances(x, points, less), TensorProto.DOUBLE, ["n", 20])
    found = run(graph.model("test"), points)["squares"]
    lengths = ((points - points.mean(axis=0)) ** 2).sum(axis=1).max() + 20
    assert np.abs(found - (squares(points, points) - less)).max() <= products.rounding(5, lengths)
