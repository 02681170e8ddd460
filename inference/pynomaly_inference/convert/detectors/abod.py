"""Angle-based outlier detection, fast: Kriegel, Schubert and Zimek, KDD 2008."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.exact_neighbours import Found, points, reference, searched_metric, training_rows
from pynomaly_inference.convert.exact_neighbours import first_nearest as nearest_by_numpy
from pynomaly_inference.convert.first_neighbours import first_nearest
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.refused import metric_schema

EQUAL = 1e-28
"""Share of the mean square below which a variance is rounding: PyOD's, of equal angles, is anything up to 1e-30."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """Less the variance, over the pairs of neighbours, of the angle at the row, weighted by both distances.

    A neighbour that is equal to the row has no direction: its pairs do not count. NaN where none does.
    """
    k = detector.n_neighbors
    found = first_nearest(x, points(detector.neigh_, k), k, searched_metric(detector.neigh_))
    arms = found.rows(list(range(k))) - x.unsqueeze(1)
    is_apart = arms.abs().max(axis=2) > 0.0
    inverted = arms / graph.where(is_apart, arms.square().sum(axis=2), 1.0).unsqueeze(2)
    angles = (inverted @ graph.op("Transpose", inverted, perm=[0, 2, 1])).reshape(-1, k * k)
    first, second = (side.tolist() for side in np.triu_indices(k, 1))
    counts = is_apart.cast(TensorProto.DOUBLE)
    return Conversion(
        -_variance(
            angles.columns([a * k + b for a, b in zip(first, second, strict=True)]),
            counts.columns(first) * counts.columns(second),
        )
    )


def _variance(values: Expr, counts: Expr) -> Expr:
    """Double [n], of the values that count 1, not 0."""
    number = counts.sum(axis=1, keep=True)
    deviations = values - (values * counts).sum(axis=1, keep=True) / number
    variance = (deviations.square() * counts).sum(axis=1, keep=True) / number
    rounding = (values.square() * counts).sum(axis=1, keep=True) / number * EQUAL
    return values.graph.where(variance.below(rounding), 0.0, variance).reshape(-1)


def exact_scores(detector: Any, X: Matrix, found: Found) -> Scores:
    """The variance of an array of pairs, as PyOD takes it."""
    return np.array([-np.var(angles) if len(angles) else np.nan for angles in _angles(detector, X, found)])


def _angles(detector: Any, X: Matrix, found: Found) -> Iterator[NDArray[np.float64]]:
    training = training_rows(detector.neigh_)
    for x, places in zip(X, found.places, strict=True):
        arms = training[places] - x
        arms = arms[arms.any(axis=1)]
        squares = (arms**2).sum(axis=1)
        yield (arms @ arms.T / squares / squares[:, None])[np.triu_indices(len(arms), 1)]


def _without_rounding(detector: Any, X: Matrix) -> Scores:
    found = nearest_by_numpy(detector.neigh_, X, detector.n_neighbors)
    squares = [np.mean(angles**2) if len(angles) else np.nan for angles in _angles(detector, X, found)]
    scores = NEIGHBOURS.scores(detector, X)
    return np.where(-scores < np.array(squares) * EQUAL, 0.0, scores)


NEIGHBOURS = reference(lambda detector: detector.neigh_, lambda detector: int(detector.n_neighbors), exact_scores)
DECLARATION = Declaration(
    name="ABOD",
    path="pyod.models.abod.ABOD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.neigh_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector.neigh_))),
    reference=replace(
        NEIGHBOURS, words=f"{NEIGHBOURS.words}; 0 for a variance of equal angles", scores=_without_rounding
    ),
    parameters={
        "n_neighbors": {"type": "integer", "minimum": 2, "description": "How many neighbours; PyOD's default is 5."},
        "method": {
            "const": "fast",
            "description": "Angles to the nearest neighbours; PyOD's `default`, to all pairs of rows, is not served.",
        },
        "metric": metric_schema(
            [*METRICS, *BRUTE_METRICS], "By which neighbours are near; the default is `minkowski` of power `p`."
        ),
        "p": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Power of the Minkowski distance; the default is 2.",
        },
        "algorithm": {
            "enum": ["auto", "ball_tree", "kd_tree", "brute"],
            "description": "How PyOD searches while training; the scores depend on it by ties only.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of PyOD's search tree; as `algorithm`."},
        "n_jobs": {"type": "integer", "description": "Processes that search while training; as `algorithm`."},
    },
)
