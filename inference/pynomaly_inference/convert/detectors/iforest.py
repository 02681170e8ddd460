"""Isolation forest: Liu, Ting and Zhou, "Isolation Forest", ICDM 2008."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.forests import FittedTree, fitted_tree, path_contributions, with_leaves
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.trees import tree_ensemble

DOUBLES_AT_ONCE = 256
"""Contributions of single trees that are in memory for one row: 2 KiB a row, however large the forest is."""

Forest = Sequence[tuple[FittedTree, NDArray[np.float64]]]
"""Each tree with its path lengths by node."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """2 ** (-mean path length / expected path length) + offset: scikit-learn's `decision_function` negated."""
    isolation = detector.detector_
    forest = _forest(isolation)
    depths = tree_ensemble(x, [with_leaves(tree, lengths[tree.is_leaf]) for tree, lengths in forest]).reshape(-1)
    expected = len(forest) * _expected_path_length(isolation._max_samples)  # noqa: SLF001 - published nowhere else
    # With one training row a tree nothing is expected, and scikit-learn sets the exponent to -1.
    exponent = depths / -expected if expected else depths * 0.0 - 1.0
    score = 2.0**exponent + float(isolation.offset_)
    return Conversion(score, lambda: _contributions(graph, x, forest, isolation.n_features_in_))


def _forest(isolation: Any) -> Forest:
    estimators, features = isolation.estimators_, isolation.estimators_features_
    # The two parts of a path length, as scikit-learn's own scoring sums them.
    depths, averages = isolation._decision_path_lengths, isolation._average_path_length_per_tree  # noqa: SLF001 - published nowhere else
    return [
        (fitted_tree(estimator, drawn), depth + average - 1.0)
        for estimator, drawn, depth, average in zip(estimators, features, depths, averages, strict=True)
    ]


def _expected_path_length(samples: int) -> float:
    """c(n) of the paper: the mean path length of an unsuccessful search in a tree of n samples."""
    if samples <= 1:
        return 0.0
    if samples == 2:  # noqa: PLR2004 - the paper's special case
        return 1.0
    return float(2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples)


def _contributions(graph: Graph, x: Expr, forest: Forest, columns: int) -> Expr:
    tables = [path_contributions(tree, lengths, columns) for tree, lengths in forest]
    # A leaf of TreeEnsemble adds to one target only: it names the row of the table of contributions.
    first = np.cumsum([0, *(len(table) for table in tables)])
    named = [
        replace(with_leaves(tree, start + np.arange(len(table), dtype=np.float64)), target=target)
        for target, ((tree, _), table, start) in enumerate(zip(forest, tables, first, strict=False))
    ]
    rows = tree_ensemble(x, named, len(forest)).cast(TensorProto.INT64)
    table = graph.constant(np.concatenate(tables) / len(forest))
    size = max(1, DOUBLES_AT_ONCE // columns)
    total: Expr | None = None
    for start in range(0, len(forest), size):
        part = graph.gather(table, rows.columns(range(start, min(start + size, len(forest))))).sum(axis=1)
        total = part if total is None else total + part
    if total is None:
        raise ValueError("a forest has trees")
    return total


DECLARATION = Declaration(
    name="IForest",
    path="pyod.models.iforest.IForest",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.detector_.n_features_in_),
    contributions=(
        "What each feature's splits take from the expected path length, averaged over the trees: positive towards "
        "anomaly. They sum to the expected path length of the training rows minus the row's own."
    ),
    parameters={
        "n_estimators": {"type": "integer", "minimum": 1, "description": "Trees in the forest; PyOD's default is 100."},
        "max_samples": {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"const": "auto"},
            ],
            "description": "Training rows a tree: a number of them, a share, or `auto` for at most 256.",
        },
        "max_features": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}],
            "description": "Features a tree: a number of them, or a share; PyOD's default is 1.0, all of them.",
        },
        "bootstrap": {"type": "boolean", "description": "Draw a tree's training rows with replacement."},
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
        "n_jobs": {"type": "integer", "description": "Processes that fit; the scores do not depend on it."},
    },
    fitting=frozenset({"behaviour"}),
)
