"""Step functions and trees are exact: every edge belongs to the side that it is written on."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.trees import Steps, Tree, below, step_sum, step_tree, tree_ensemble

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def model_of(trees: list[Tree], columns: int, targets: int = 1) -> onnx.ModelProto:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", columns])
    graph.output("score", tree_ensemble(x, trees, targets), TensorProto.DOUBLE, ["n", targets])
    return graph.model("test")


def neighbourhood(edges: Matrix) -> Matrix:
    """Each edge, the doubles next to it, and the zeros."""
    return np.concatenate([edges, below(edges), np.nextafter(edges, np.inf), [0.0, -0.0, 1e300, -1e300]])


@given(
    edges=st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), unique=True, max_size=40),
    values=st.lists(st.integers(0, 3), min_size=41, max_size=41),
)
@settings(max_examples=60, deadline=None)
def test_a_step_function_has_the_value_of_its_interval(run: Run, edges: list[float], values: list[int]) -> None:
    steps = Steps(np.sort(np.array(edges)), np.array(values[: len(edges) + 1], np.float64))
    x = neighbourhood(steps.edges)
    expected = steps.values[np.searchsorted(steps.edges, x, side="left")]
    assert np.array_equal(run(model_of([step_tree(steps, 0)], 1), x[:, None])["score"][:, 0], expected)


def test_neighbouring_equal_values_share_a_leaf() -> None:
    tree = step_tree(Steps(np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 7.0, 7.0])), 0)
    assert (tree.thresholds.tolist(), tree.leaves.tolist()) == ([2.0], [5.0, 7.0])


def test_a_tree_is_as_deep_as_its_edges_need() -> None:
    tree = step_tree(Steps(np.arange(1023.0), np.arange(1024.0)), 0)
    depth, level = 0, np.array([tree.root])
    while len(level := level[level >= 0]):
        depth, level = depth + 1, np.concatenate([tree.lower[level], tree.upper[level]])
    assert depth == 10


def test_an_edge_of_zero_takes_both_zeros(run: Run) -> None:
    steps = Steps(np.array([below(np.array([0.0]))[0], 0.0]), np.array([1.0, 2.0, 3.0]))
    scores = run(model_of([step_tree(steps, 0)], 1), np.array([[-5e-324], [-0.0], [0.0], [5e-324]]))["score"]
    assert scores[:, 0].tolist() == [1.0, 2.0, 2.0, 3.0]


def test_a_function_without_edges_is_a_constant(run: Run) -> None:
    """The operator has no tree of a single leaf."""
    constant = step_tree(Steps(np.array([]), np.array([4.0])), 0)
    stepping = step_tree(Steps(np.array([0.0]), np.array([1.0, 2.0])), 0)
    for trees in itertools.permutations([constant, stepping, constant]):
        assert run(model_of(list(trees), 1), np.array([[-1.0], [1.0]]))["score"][:, 0].tolist() == [9.0, 10.0]


def test_a_step_sum_is_its_contributions_summed(run: Run) -> None:
    random = np.random.default_rng(0)
    steps = [Steps(np.sort(random.standard_normal(20)), random.standard_normal(21)) for _ in range(3)]
    graph = Graph()
    conversion = step_sum(graph.input("X", TensorProto.DOUBLE, ["n", 3]), steps)
    assert conversion.contributions is not None
    graph.output("score", conversion.score, TensorProto.DOUBLE, ["n"])
    graph.output("contributions", conversion.contributions(), TensorProto.DOUBLE, ["n", 3])
    x = random.standard_normal((50, 3))
    outputs = run(graph.model("test"), x)
    terms = np.stack([step.values[np.searchsorted(step.edges, x[:, j])] for j, step in enumerate(steps)], axis=1)
    assert np.array_equal(outputs["contributions"], terms)
    assert outputs["score"] == pytest.approx(terms.sum(axis=1), rel=1e-14)


def test_a_leaf_is_not_taken_for_a_root_with_its_number(run: Run) -> None:
    """ONNX Runtime once took a root for a leaf when node and leaf of equal index met (its issue 24679)."""
    single = [
        Tree(
            np.array([0]), np.array([float(edge)]), np.array([~0]), np.array([~1]), np.array([edge, -edge], np.float64)
        )
        for edge in range(1, 6)
    ]
    x = np.array([[0.5], [2.5], [9.0]])
    assert run(model_of(single, 1), x)["score"][:, 0].tolist() == [15.0, 9.0, -15.0]
