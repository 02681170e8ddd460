"""scikit-learn's fitted decision trees as trees of this package."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.trees import Tree, tree_ensemble

_NO_CHILD = -1


@dataclass(frozen=True, slots=True)
class FittedTree:
    """One of scikit-learn's trees, by node: node 0 is the root, parents come before children.

    lower, upper: the children for `x <= threshold` and otherwise, -1 in leaves. columns: of the detector's input.
    samples: training rows in the node.
    """

    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    columns: NDArray[np.int64]
    thresholds: NDArray[np.floating[Any]]
    samples: NDArray[np.int64]

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        """By node."""
        leaves: NDArray[np.bool_] = self.lower == _NO_CHILD
        return leaves

    def levels(self) -> list[NDArray[np.int64]]:
        """The inner nodes by depth, the root first."""
        levels = []
        level = np.array([0])
        while len(level := level[~self.is_leaf[level]]):
            levels.append(level)
            level = np.concatenate([self.lower[level], self.upper[level]])
        return levels


def fitted_tree(estimator: Any, features: NDArray[np.int64]) -> FittedTree:
    """Reads a fitted tree; `features[j]` is the detector's column that the tree calls j."""
    tree = estimator.tree_
    columns = np.where(tree.children_left == _NO_CHILD, 0, features[np.maximum(tree.feature, 0)])
    return FittedTree(
        tree.children_left.astype(np.int64),
        tree.children_right.astype(np.int64),
        columns.astype(np.int64),
        float32_thresholds(tree.threshold),
        tree.n_node_samples.astype(np.int64),
    )


def float32_thresholds(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thresholds t' with which `x <= t'` is `float32(x) <= t` for every double x.

    scikit-learn's trees round their input to float32 and keep double thresholds. t' is the largest double that rounds,
    half to even, to a float32 not above t.
    """
    largest = thresholds.astype(np.float32)
    largest = np.where(largest > thresholds, np.nextafter(largest, np.float32(-np.inf)), largest)
    middle = (largest.astype(np.float64) + np.nextafter(largest, np.float32(np.inf)).astype(np.float64)) / 2
    is_even = largest.view(np.int32) & 1 == 0
    return np.where(is_even, middle, np.nextafter(middle, -np.inf))


def with_leaves(tree: FittedTree, values: NDArray[np.floating[Any]]) -> Tree:
    """The tree whose leaves have these values: one a leaf, in node order."""
    is_leaf = tree.is_leaf
    inner = np.flatnonzero(~is_leaf)
    place = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    return Tree(tree.columns[inner], tree.thresholds[inner], place[tree.lower[inner]], place[tree.upper[inner]], values)


def expected_values(tree: FittedTree, leaf_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """By node: the mean leaf value of the training rows that reach it. leaf_values: one a node, read at leaves."""
    expected = leaf_values.astype(np.float64)
    for level in reversed(tree.levels()):
        lower, upper = tree.lower[level], tree.upper[level]
        weighted = tree.samples[lower] * expected[lower] + tree.samples[upper] * expected[upper]
        expected[level] = weighted / tree.samples[level]
    return expected


def path_contributions(tree: FittedTree, leaf_values: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """[leaves, columns]: what each column's splits take from the expected value on the way to each leaf.

    Saabas, "Interpreting random forests" (2014), negated: a row of it sums to the root's expectation minus the leaf's
    value. leaf_values: one a node, read at leaves.
    """
    expected = expected_values(tree, leaf_values)
    taken = np.zeros((len(tree.lower), columns))
    for level in tree.levels():
        for child in (tree.lower[level], tree.upper[level]):
            taken[child] = taken[level]
            taken[child, tree.columns[level]] += expected[level] - expected[child]
    return taken[tree.is_leaf]


def mean_of_trees(x: Expr, forest: Any) -> Expr:
    """[n]: what scikit-learn's fitted forest of regression trees predicts."""
    every = np.arange(forest.n_features_in_)
    fitted = [(fitted_tree(estimator, every), estimator.tree_.value[:, 0, 0]) for estimator in forest.estimators_]
    trees = [with_leaves(tree, values[tree.is_leaf]) for tree, values in fitted]
    return tree_ensemble(x, trees).reshape(-1) / float(len(trees))
