"""Trees go to the side that their thresholds say, one beside the other."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.trees import Tree, tree_ensemble

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def model_of(trees: list[Tree], columns: int, targets: int = 1) -> onnx.ModelProto:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", columns])
    graph.output("score", tree_ensemble(x, trees, targets), TensorProto.DOUBLE, ["n", targets])
    return graph.model("test")


def stump(column: int, threshold: float, leaves: tuple[float, float], target: int = 0) -> Tree:
    return Tree(
        np.array([column]), np.array([threshold]), np.array([~0]), np.array([~1]), np.array(leaves), target=target
    )


def test_a_threshold_belongs_to_the_lower_side(run: Run) -> None:
    x = np.array([[0.1], [np.nextafter(0.1, 1)], [np.nextafter(0.1, 0)]])
    assert run(model_of([stump(0, 0.1, (1.0, 2.0))], 1), x)["score"][:, 0].tolist() == [1.0, 2.0, 1.0]


def test_thresholds_and_leaves_keep_double_precision(run: Run) -> None:
    edge = 1e6 + 1e-9
    scores = run(model_of([stump(0, edge, (1 / 3, 1e-300))], 1), np.array([[edge], [edge + 1e-8]]))["score"]
    assert scores[:, 0].tolist() == [1 / 3, 1e-300]


def test_each_target_sums_its_own_trees(run: Run) -> None:
    trees = [stump(0, 0.0, (1.0, 2.0)), stump(1, 0.0, (10.0, 20.0), target=1), stump(1, 5.0, (100.0, 200.0), target=1)]
    scores = run(model_of(trees, 2, targets=2), np.array([[-1.0, 1.0], [1.0, 9.0]]))["score"]
    assert scores.tolist() == [[1.0, 120.0], [2.0, 220.0]]


def test_a_root_may_be_any_node(run: Run) -> None:
    """x <= 1 leads to the node before the root, x > 1 to the one after it."""
    tree = Tree(
        np.zeros(3, np.int64),
        np.array([0.0, 1.0, 2.0]),
        np.array([~0, 0, ~2]),
        np.array([~1, 2, ~3]),
        np.array([1.0, 2.0, 3.0, 4.0]),
        root=1,
    )
    scores = run(model_of([tree, tree], 1), np.array([[-1.0], [0.5], [1.5], [2.5]]))["score"]
    assert scores[:, 0].tolist() == [2.0, 4.0, 6.0, 8.0]


def test_a_tree_of_one_leaf_is_a_constant(run: Run) -> None:
    """The operator has no such tree."""
    nothing = np.array([], np.int64)
    constant = Tree(nothing, np.array([]), nothing, nothing, np.array([4.0]))
    for trees in itertools.permutations([constant, stump(0, 0.0, (1.0, 2.0)), constant]):
        assert run(model_of(list(trees), 1), np.array([[-1.0], [1.0]]))["score"][:, 0].tolist() == [9.0, 10.0]


def test_a_leaf_is_not_taken_for_a_root_with_its_number(run: Run) -> None:
    """ONNX Runtime once took a root for a leaf when node and leaf of equal index met (its issue 24679)."""
    trees = [stump(0, float(edge), (float(edge), -float(edge))) for edge in range(1, 6)]
    x = np.array([[0.5], [2.5], [9.0]])
    assert run(model_of(trees, 1), x)["score"][:, 0].tolist() == [15.0, 9.0, -15.0]
