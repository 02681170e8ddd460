"""Distance to the k nearest training rows: Ramaswamy et al. 2000, Angiulli and Pizzuti 2002."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.neighbours import Points, nearest, root, rows_at_once

POWERS = {"euclidean": 2.0, "l2": 2.0, "manhattan": 1.0, "cityblock": 1.0, "l1": 1.0}
"""Metrics by the power of the Minkowski distance that they are."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The distance to the k-th nearest training row, or the mean or median of the k distances."""
    p, counted = _power(detector), _counted(detector)
    points = Points(training_rows(detector), detector.decision_scores_)
    found = nearest(x, points, detector.n_neighbors, p)

    def contributions() -> Expr:
        places = found.order.columns(counted).unsqueeze(2)
        return graph.op("GatherND", found.differences, places, batch_dims=1).mean(axis=1)

    return Conversion(root(found.distances.columns(counted), p).mean(axis=1), contributions)


def training_rows(detector: Any) -> NDArray[np.float64]:
    """[rows, columns]: among which neighbours are looked for."""
    rows: NDArray[np.float64] = np.asarray(detector.neigh_._fit_X, np.float64)  # noqa: SLF001 - published nowhere else
    return rows


def _power(detector: Any) -> float:
    metric = detector.neigh_.effective_metric_
    return POWERS[metric] if metric in POWERS else float(detector.neigh_.effective_metric_params_["p"])


def _counted(detector: Any) -> list[int]:
    """The ranks, from 0, of the neighbours whose distances the score is the mean of."""
    k = detector.n_neighbors
    return {"largest": [k - 1], "mean": list(range(k)), "median": sorted({(k - 1) // 2, k // 2})}[detector.method]


def scores_by_subtraction(detector: Any, X: Matrix) -> Scores:
    """The scores, with distances as roots of sums of powers of differences."""
    rows, p, counted = training_rows(detector), _power(detector), _counted(detector)
    step = rows_at_once(len(rows))
    parts = []
    for start in range(0, len(X), step):
        chunk = X[start : start + step]
        distances = np.zeros((len(chunk), len(rows)))
        for column in range(rows.shape[1]):
            distances += np.abs(chunk[:, column, None] - rows[None, :, column]) ** p
        nearest_distances = np.partition(distances, counted, axis=1)[:, counted]
        parts.append((nearest_distances ** (1 / p)).mean(axis=1))
    return np.concatenate(parts)


def _multiplies(detector: Any) -> bool:
    """scikit-learn's brute force computes Euclidean distances by a product, off by up to 3e-8 of the data's scale."""
    searches = detector.neigh_._fit_method  # noqa: SLF001 - the choice of `auto` is published nowhere else
    return bool(searches == "brute") and _power(detector) == 2  # noqa: PLR2004 - the Euclidean distance


DECLARATION = Declaration(
    name="KNN",
    path="pyod.models.knn.KNN",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.neigh_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector))),
    reference=ExactReference(
        "distances by exact subtraction, since PyOD's own are products of matrices above 15 features",
        _multiplies,
        scores_by_subtraction,
    ),
    contributions=(
        "|difference| ** p per feature to the k-th nearest training row (p = 2: the squared difference), or their mean "
        "over the k nearest with `mean` and over the middle one or two with `median`. With `largest` they sum to the "
        "score ** p."
    ),
    parameters={
        "n_neighbors": {"type": "integer", "minimum": 1, "description": "How many neighbours; PyOD's default is 5."},
        "method": {
            "enum": ["largest", "mean", "median"],
            "description": "Score by the distance to the k-th neighbour, or the mean or median of the k distances.",
        },
        "metric": {
            "enum": ["minkowski", *POWERS],
            "description": "The distance; the default is `minkowski` of power `p`.",
        },
        "p": {"type": "number", "minimum": 1, "description": "Power of the Minkowski distance; the default is 2."},
        "algorithm": {
            "enum": ["auto", "ball_tree"],
            "description": "How PyOD searches while training; the scores do not depend on it.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of PyOD's search tree; as `algorithm`."},
        "n_jobs": {"type": "integer", "description": "Processes that search while training; as `algorithm`."},
    },
)
