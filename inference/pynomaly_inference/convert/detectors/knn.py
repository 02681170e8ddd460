"""Distance to the k nearest training rows: Ramaswamy et al. 2000, Angiulli and Pizzuti 2002."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.candidates import Neighbours, in_order
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.exact_neighbours import (
    first_nearest,
    is_inexact,
    points,
    searched_metric,
    training_rows,
)
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS, Metric
from pynomaly_inference.convert.neighbours import nearest_in_any_order, rows_at_once
from pynomaly_inference.convert.ranking import Points
from pynomaly_inference.convert.refused import metric_schema


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The distance to the k-th nearest training row, or the mean or median of the k distances."""
    metric = searched_metric(detector.neigh_)
    found = nearest_in_any_order(x, _points(detector, metric), detector.n_neighbors, metric)

    def contributions() -> Expr:
        return metric.terms[0](in_order(found).rows(_counted(detector)), x.unsqueeze(1)).mean(axis=1)

    return Conversion(_score(detector, metric, found), contributions if metric.explained else None)


def _score(detector: Any, metric: Metric, found: Neighbours) -> Expr:
    if detector.method == "largest":
        return metric.root(found.measures.max(axis=1))
    if detector.method == "mean":
        return metric.root(found.measures).mean(axis=1)
    return metric.root(in_order(found).measures.columns(_counted(detector))).mean(axis=1)


def _points(detector: Any, metric: Metric) -> Points:
    if metric.differences:
        return points(detector.neigh_, detector.n_neighbors)
    spacing = detector.decision_scores_
    # Of these metrics the distance is the square of what a product compares, or half of it.
    factor = {"sqeuclidean": 1.0, "cosine": 2.0}.get(detector.neigh_.effective_metric_)
    return Points(
        training_rows(detector.neigh_), spacing if factor is None else np.sqrt(np.maximum(spacing * factor, 0.0))
    )


def _counted(detector: Any) -> list[int]:
    """The ranks, from 0, of the neighbours whose distances the score is the mean of."""
    k = detector.n_neighbors
    return {"largest": [k - 1], "mean": list(range(k)), "median": sorted({(k - 1) // 2, k // 2})}[detector.method]


def exact_scores(detector: Any, X: Matrix) -> Scores:
    """The scores by distances that are no products of matrices."""
    found = first_nearest(detector.neigh_, X, detector.n_neighbors)
    scores: Scores = found.distances[:, _counted(detector)].mean(axis=1)
    return scores


DECLARATION = Declaration(
    name="KNN",
    path="pyod.models.knn.KNN",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.neigh_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector.neigh_))),
    reference=ExactReference(
        "distances by exact subtraction, since PyOD's own are products of matrices above 15 features and for "
        "`sqeuclidean` and `cosine`, and its tree misses neighbours by `braycurtis`",
        lambda detector: is_inexact(detector.neigh_),
        exact_scores,
    ),
    contributions=(
        "Each feature's term of the distance to the k-th nearest training row, or its mean over the k nearest with "
        "`mean` and over the middle one or two with `median`: |difference| ** p for `minkowski` (the squared "
        "difference for p = 2), the feature's own summand for `sqeuclidean`, `canberra` and `hamming`. With `largest` "
        "they sum to the score ** p, or to the score. The other metrics have none: their distance is no sum over the "
        "features."
    ),
    parameters={
        "n_neighbors": {"type": "integer", "minimum": 1, "description": "How many neighbours; PyOD's default is 5."},
        "method": {
            "enum": ["largest", "mean", "median"],
            "description": "Score by the distance to the k-th neighbour, or the mean or median of the k distances.",
        },
        "metric": metric_schema([*METRICS, *BRUTE_METRICS], "The distance; the default is `minkowski` of power `p`."),
        "p": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Power of the Minkowski distance; the default is 2.",
        },
        "algorithm": {
            "enum": ["auto", "ball_tree"],
            "description": "How PyOD searches while training; the scores do not depend on it.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of PyOD's search tree; as `algorithm`."},
        "n_jobs": {"type": "integer", "description": "Processes that search while training; as `algorithm`."},
    },
    fitting=frozenset({"radius"}),
)
