"""Kernel density estimation: Latecki et al., MLDM 2007."""

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import DistanceMetric

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert import kernels
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.density import UNBOUNDED, bounded, log_norm, log_sums, log_unbounded
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import METRICS, metric_of
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.refused import metric_schema

POWERS = {"euclidean": 2.0, "l2": 2.0, "manhattan": 1.0, "cityblock": 1.0, "l1": 1.0}
"""Metrics by the power of the Minkowski distance that they are."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """-log of the mean over the training rows of the density kernel at a distance from each."""
    estimate, rows = detector.kde_, training_rows(detector)
    constant = _log_norm(detector) - log(len(rows))
    if estimate.kernel == "gaussian" and _power(detector) == 2:  # noqa: PLR2004 - the Euclidean distance
        exponents = kernels.scaled_squared_distances(x, rows, -0.5 / estimate.bandwidth_**2)
        return Conversion(-kernels.logsumexp(exponents, axis=1) - constant)
    metric = metric_of(_metric(detector), _power(detector) or 2.0, rows.shape[1])
    points = metric.prepared(graph.constant(rows))
    measures = metric.between(metric.prepare(x), points, rows.shape[1] + metric.more_columns)
    distances = metric.root(measures) * (1 / estimate.bandwidth_)
    if estimate.kernel in UNBOUNDED:
        return Conversion(-kernels.logsumexp(log_unbounded(distances, estimate.kernel), axis=1) - constant)
    return Conversion(-bounded(distances, estimate.kernel).sum(axis=1).log() - constant)


def training_rows(detector: Any) -> NDArray[np.float64]:
    """[rows, columns]: where the kernels are."""
    return np.asarray(detector.kde_.tree_.data, np.float64)


def _metric(detector: Any) -> str:
    return "minkowski" if detector.metric == "p" else str(detector.metric)


def _power(detector: Any) -> float | None:
    """Of the Minkowski distance that the metric is; None for any other."""
    if _metric(detector) == "minkowski":
        return float((detector.metric_params or {}).get("p", 2))
    return POWERS.get(detector.metric)


def _log_norm(detector: Any) -> float:
    estimate = detector.kde_
    return log_norm(estimate.kernel, int(estimate.n_features_in_), estimate.bandwidth_)


def _scores_one_by_one(detector: Any, X: Matrix) -> Scores:
    """The logarithm of the sum over all training rows, the largest term taken out, and no tree."""
    rows, estimate = training_rows(detector), detector.kde_
    metric: Any = DistanceMetric
    between = metric.get_metric(detector.metric, **(detector.metric_params or {})).pairwise
    parts = [
        log_sums(estimate.kernel, estimate.bandwidth_, between(part, rows))
        for part in np.array_split(X, 1 + len(X) // 256)
    ]
    return -(np.concatenate(parts) + _log_norm(detector) - log(len(rows)))


DECLARATION = Declaration(
    name="KDE",
    path="pyod.models.kde.KDE",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.kde_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector))),
    reference=ExactReference(
        "the sum over all training rows, since the tree behind PyOD's subtracts bounds that may be far larger",
        lambda _detector: True,
        _scores_one_by_one,
    ),
    parameters={
        "bandwidth": {
            "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"enum": ["scott", "silverman"]}],
            "description": "The kernel's width, or a rule that finds it from the numbers of rows and features; "
            "the default is 1.",
        },
        "metric": metric_schema(
            ["minkowski", "p", *(metric for metric in METRICS if metric != "minkowski")],
            "The distance; the default is `minkowski` of power 2.",
        ),
        "metric_params": {
            "type": "object",
            "properties": {"p": {"type": "number", "minimum": 1}},
            "additionalProperties": False,
            "description": "`p`, the power of the Minkowski distance.",
        },
        "algorithm": {
            "enum": ["auto", "ball_tree", "kd_tree"],
            "description": "The tree behind PyOD's own scores; the graph has none.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of that tree."},
    },
)
