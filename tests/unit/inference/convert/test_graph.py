"""Expressions write the graph that they read like."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from pynomaly_inference.convert import graph as graph_module
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.errors import NotConvertible

Run = Callable[[onnx.ModelProto, Any], dict[str, Any]]

X = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


def model(value: Expr) -> onnx.ModelProto:
    value.graph.output("score", value, TensorProto.DOUBLE, ["n", "m"])
    return value.graph.model("test")


def start() -> Expr:
    return Graph().input("X", TensorProto.DOUBLE, ["n", 3])


def test_operators_read_like_numpy(run: Run) -> None:
    x = start()
    mean = np.array([1.0, 2.0, 3.0])
    written = (mean - x) @ np.eye(3) * 2.0 + x.square() / 4.0 - 1.0
    assert np.array_equal(run(model(written), X)["score"], (mean - X) * 2.0 + X**2 / 4.0 - 1.0)


def test_powers_take_either_side(run: Run) -> None:
    assert np.allclose(run(model(2.0 ** start()), X)["score"], 2.0**X, rtol=1e-15)
    assert np.allclose(run(model(start().abs() ** 2.5), X)["score"], np.abs(X) ** 2.5, rtol=1e-15)


def test_the_smallest_come_in_order_with_their_places(run: Run) -> None:
    x = start()
    smallest, places = x.graph.smallest(x, 2)
    x.graph.output("places", places, TensorProto.INT64, ["n", 2])
    outputs = run(model(smallest), X)
    assert outputs["score"].tolist() == [[-2.0, 1.0], [-6.0, 4.0]]
    assert outputs["places"].tolist() == [[1, 0], [2, 0]]


def test_only_the_branch_that_is_asked_for_is_computed(run: Run) -> None:
    x = start()
    mean = x.graph.constant(np.array([1.0, 2.0, 3.0]))
    is_small = x.least() > -4.0
    yes, no = lambda rows, mean: (rows - mean, mean), lambda rows, mean: ((rows * 2.0).square() + 1.0, mean)
    made, also = x.graph.either(is_small, yes, no, x, mean)
    written = model(made + also * 0.0)
    assert run(written, X[:1])["score"].tolist() == [[0.0, -4.0, 0.0]]
    assert run(written, X)["score"].tolist() == (4 * X**2 + 1).tolist()


def test_the_same_calls_write_the_same_bytes() -> None:
    def write() -> bytes:
        x = start()
        return bytes(model((x - X[0]) @ X.T).SerializeToString(deterministic=True))

    assert write() == write()


def test_a_model_says_which_operators_and_format_it_needs() -> None:
    written = model(start() + 1.0)
    assert {entry.domain: entry.version for entry in written.opset_import} == {"": 21, "ai.onnx.ml": 5}
    assert written.ir_version == 10


def test_a_graph_that_mixes_types_is_refused_when_it_is_written() -> None:
    with pytest.raises(Exception, match="inconsistent"):
        model(start() + np.array([1]))


def test_a_model_too_large_for_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_module, "LARGEST_MODEL", 1000)
    with pytest.raises(NotConvertible, match=r"an ONNX file at most 2: train on fewer rows"):
        model(start() + np.zeros((500, 3)))
