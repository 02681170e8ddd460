"""Step functions are exact, as trees and as searches: every edge belongs to the side that it is written on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto
from pyod.models.ecod import ECOD

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.convert import steps as steps_module
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.steps import Steps, below, merge, step_sum, step_tree

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


@pytest.fixture(params=["trees", "search"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either form, whatever the number of edges."""
    monkeypatch.setattr(steps_module, "SEARCHED_FROM", 0 if request.param == "search" else 10**9)
    return str(request.param)


def model_of(steps: list[Steps]) -> onnx.ModelProto:
    graph = Graph()
    conversion = step_sum(graph.input("X", TensorProto.DOUBLE, ["n", len(steps)]), steps)
    assert conversion.contributions is not None
    graph.output("score", conversion.score, TensorProto.DOUBLE, ["n"])
    graph.output("contributions", conversion.contributions(), TensorProto.DOUBLE, ["n", len(steps)])
    return graph.model("test")


def neighbourhood(edges: Matrix) -> Matrix:
    """Each edge, the doubles next to it, and the zeros."""
    return np.concatenate([edges, below(edges), np.nextafter(edges, np.inf), [0.0, -0.0, 1e300, -1e300]])


EDGES = st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), unique=True, max_size=40)


@pytest.mark.parametrize("searched_from", [0, 10**9], ids=["search", "trees"])
@given(edges=EDGES, values=st.lists(st.integers(0, 3), min_size=41, max_size=41))
@settings(max_examples=40, deadline=None)
def test_a_step_function_has_the_value_of_its_interval(
    run: Run, searched_from: int, edges: list[float], values: list[int]
) -> None:
    steps = Steps(np.sort(np.array(edges)), np.array(values[: len(edges) + 1], np.float64))
    x = neighbourhood(steps.edges)
    expected = steps.values[np.searchsorted(steps.edges, x, side="left")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_module, "SEARCHED_FROM", searched_from)
        model = model_of([steps])
    assert np.array_equal(run(model, x[:, None])["score"], expected)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("count", [1, 15, 16, 17, 255, 256, 257, 5000])
def test_columns_of_any_number_of_edges_stand_side_by_side(run: Run, count: int) -> None:
    random = np.random.default_rng(count)
    steps = [
        Steps(np.sort(random.standard_normal(edges)), random.standard_normal(edges + 1))
        for edges in (count, 3, count // 2)
    ]
    near = [neighbourhood(step.edges) for step in steps]
    x = np.stack([np.resize(column, max(map(len, near))) for column in near], axis=1)
    outputs = run(model_of(steps), x)
    terms = np.stack([step.values[np.searchsorted(step.edges, x[:, j])] for j, step in enumerate(steps)], axis=1)
    assert np.array_equal(outputs["contributions"], terms)
    assert outputs["score"] == pytest.approx(terms.sum(axis=1), rel=1e-12, abs=1e-12)


@pytest.mark.usefixtures("form")
def test_an_edge_of_zero_takes_both_zeros(run: Run) -> None:
    steps = Steps(np.array([below(np.array([0.0]))[0], 0.0]), np.array([1.0, 2.0, 3.0]))
    scores = run(model_of([steps]), np.array([[-5e-324], [-0.0], [0.0], [5e-324]]))["score"]
    assert scores.tolist() == [1.0, 2.0, 2.0, 3.0]


def test_edges_at_which_the_value_stays_are_merged() -> None:
    merged = merge(Steps(np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 7.0, 7.0])))
    assert (merged.edges.tolist(), merged.values.tolist()) == ([2.0], [5.0, 7.0])


def test_a_tree_is_as_deep_as_its_edges_need() -> None:
    tree = step_tree(Steps(np.arange(1023.0), np.arange(1024.0)), 0)
    depth, level = 0, np.array([tree.root])
    while len(level := level[level >= 0]):
        depth, level = depth + 1, np.concatenate([tree.lower[level], tree.upper[level]])
    assert depth == 10


def test_many_edges_are_searched_and_score_as_pyod(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((12_000, 9))
    detector = ECOD().fit(X)
    model = to_onnx(detector)
    assert "TreeEnsemble" not in {node.op_type for node in model.graph.node}
    assert model.ByteSize() < 2.1 * X.nbytes
    rows = np.concatenate([X[:5], np.random.default_rng(1).standard_normal((5, 9)) * 4])
    outputs = run(model, rows)
    agree(detector, outputs["score"], reference_scores(detector, rows))
    assert outputs["contributions"].sum(axis=1) == pytest.approx(outputs["score"], rel=1e-12)
