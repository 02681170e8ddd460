"""Binary trees as one `TreeEnsemble`, of doubles unless its input and all of its trees are of float32.

ONNX Runtime evaluates an ensemble with one target much faster than one with several: a score is always the sum of
its trees, and several targets serve contributions only. All comparisons are `x <= threshold`, the kernel's fast case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from pynomaly_inference.convert.graph import ML, Expr

_LESS_OR_EQUAL = 0
_SUM = 1


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree: in node i, `x[columns[i]] <= thresholds[i]` goes to `lower[i]`, anything else to `upper[i]`.

    A child >= 0 is a node, a child < 0 is the leaf `~child`. Node 0 need not be the root. Without nodes, the tree is
    its only leaf. leaves: the value of each leaf. target: the output column that the leaves add to.
    """

    columns: NDArray[np.int64]
    thresholds: NDArray[np.floating[Any]]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    leaves: NDArray[np.floating[Any]]
    root: int = 0
    target: int = 0


def tree_ensemble(x: Expr, trees: Sequence[Tree], targets: int = 1) -> Expr:
    """[n, targets]: for each row and target, the sum of the leaves that the row reaches in that target's trees."""
    trees = [tree if len(tree.columns) else _split_nowhere(tree) for tree in trees]
    node_base = np.cumsum([0, *(len(tree.columns) for tree in trees)])
    leaf_base = np.cumsum([0, *(len(tree.leaves) for tree in trees)])

    def children(side: Sequence[NDArray[np.int64]]) -> tuple[list[int], list[int]]:
        placed = [
            np.where(child < 0, ~child + leaf, child + node)
            for child, node, leaf in zip(side, node_base, leaf_base, strict=False)
        ]
        return np.concatenate(placed).tolist(), (np.concatenate(side) < 0).astype(int).tolist()

    lower, lower_is_leaf = children([tree.lower for tree in trees])
    upper, upper_is_leaf = children([tree.upper for tree in trees])
    return x.graph.op(
        "TreeEnsemble",
        x,
        domain=ML,
        n_targets=targets,
        aggregate_function=_SUM,
        post_transform=0,
        tree_roots=[int(base) + tree.root for base, tree in zip(node_base, trees, strict=False)],
        nodes_featureids=np.concatenate([tree.columns for tree in trees]).tolist(),
        nodes_splits=numpy_helper.from_array(np.concatenate([tree.thresholds for tree in trees])),
        nodes_modes=numpy_helper.from_array(np.full(node_base[-1], _LESS_OR_EQUAL, np.uint8)),
        nodes_truenodeids=lower,
        nodes_trueleafs=lower_is_leaf,
        nodes_falsenodeids=upper,
        nodes_falseleafs=upper_is_leaf,
        leaf_targetids=np.repeat([tree.target for tree in trees], [len(tree.leaves) for tree in trees]).tolist(),
        leaf_weights=numpy_helper.from_array(np.concatenate([tree.leaves for tree in trees])),
    )


def _split_nowhere(leaf: Tree) -> Tree:
    """The operator has no tree of a single leaf: one node sends everything to it."""
    to_leaf = np.array([~0])
    return Tree(np.array([0]), np.zeros(1, leaf.leaves.dtype), to_leaf, to_leaf, leaf.leaves, 0, leaf.target)
