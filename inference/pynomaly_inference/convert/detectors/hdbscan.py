"""Hierarchical density-based clustering: Campello, Moulavi and Sander, PAKDD 2013."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.exact_neighbours import Found, points, reference, searched_metric, training_rows
from pynomaly_inference.convert.first_neighbours import first_nearest
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.refused import metric_schema

NO_DISTANCE = 1e-10
"""PyOD adds it to a distance, so that the weight of a duplicate is finite."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean of the neighbours' training scores, each weighted by the inverse of its distance."""
    search = detector.tree_
    metric = searched_metric(search)
    found = first_nearest(x, points(search, search.n_neighbors), search.n_neighbors, metric)
    weights = graph.op("Reciprocal", metric.root(found.measures) + NO_DISTANCE)
    scores = graph.gather(np.asarray(detector.decision_scores_, np.float64), found.places)
    return Conversion((weights / weights.sum(axis=1, keep=True) * scores).sum(axis=1))


def exact_scores(detector: Any, _X: Matrix, found: Found) -> Scores:
    """PyOD's interpolation between the neighbours found."""
    weights = 1 / (found.distances + NO_DISTANCE)
    scores: Scores = np.average(detector.decision_scores_[found.places], axis=1, weights=weights)
    return scores


DECLARATION = Declaration(
    name="HDBSCAN",
    path="pyod.models.hdbscan.HDBSCAN",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.tree_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector.tree_))),
    reference=reference(
        lambda detector: detector.tree_, lambda detector: int(detector.tree_.n_neighbors), exact_scores
    ),
    parameters={
        "min_cluster_size": {
            "type": "integer",
            "minimum": 2,
            "description": "Training rows of the smallest cluster, and neighbours of a new row; the default is 5.",
        },
        "min_samples": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
            "description": "Neighbours that make a core row; the default is `min_cluster_size`.",
        },
        "metric": metric_schema(
            [*(name for name in METRICS if name != "minkowski"), *BRUTE_METRICS],
            "The distance; the default is `euclidean`.",
        ),
        "alpha": {"type": "number", "exclusiveMinimum": 0, "description": "Scales distances while clustering."},
        "algorithm": {
            "enum": ["auto", "brute", "kd_tree", "ball_tree"],
            "description": "How the clustering searches; its clusters may depend on it by ties.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of the clustering's search tree."},
        "n_jobs": {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "description": "Processes that search in PyOD; the scores do not depend on it.",
        },
    },
)
