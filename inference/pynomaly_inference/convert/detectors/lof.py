"""Local outlier factor: Breunig et al., "LOF: Identifying Density-Based Local Outliers", SIGMOD 2000."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.exact_neighbours import Found, points, reference, searched_metric, training_rows
from pynomaly_inference.convert.first_neighbours import first_nearest
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.refused import metric_schema

NO_DISTANCE = 1e-10
"""scikit-learn adds it to a mean distance, so that the density among duplicates is finite."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean density at the neighbours times the mean reachability distance from them."""
    lof, metric = detector.detector_, searched_metric(detector.detector_)
    found = first_nearest(x, points(lof, lof.n_neighbors_), lof.n_neighbors_, metric)
    own, density = _of_training_rows(lof)
    reachability = graph.op("Max", metric.root(found.measures), graph.gather(own, found.places))
    return Conversion(graph.gather(density, found.places).mean(axis=1) * (reachability.mean(axis=1) + NO_DISTANCE))


def _of_training_rows(lof: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[training rows] each: the distance to the row's own k-th neighbour, and its local reachability density."""
    distances, density = lof._distances_fit_X_, lof._lrd  # noqa: SLF001 - published nowhere else
    return np.ascontiguousarray(distances[:, -1], np.float64), np.asarray(density, np.float64)


def exact_scores(detector: Any, _X: Matrix, found: Found) -> Scores:
    """The paper's formula: the mean over the neighbours of their density by the row's own."""
    own, density = _of_training_rows(detector.detector_)
    reachability = np.maximum(found.distances, own[found.places])
    scores: Scores = (density[found.places] / (1 / (reachability.mean(axis=1) + NO_DISTANCE))[:, None]).mean(axis=1)
    return scores


DECLARATION = Declaration(
    name="LOF",
    path="pyod.models.lof.LOF",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.detector_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector.detector_))),
    reference=reference(lambda detector: detector.detector_, lambda detector: int(detector.n_neighbors_), exact_scores),
    parameters={
        "n_neighbors": {"type": "integer", "minimum": 1, "description": "How many neighbours; PyOD's default is 20."},
        "metric": metric_schema([*METRICS, *BRUTE_METRICS], "The distance; the default is `minkowski` of power `p`."),
        "p": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Power of the Minkowski distance; the default is 2.",
        },
        "novelty": {"const": True, "description": "True: without it PyOD scores no new rows."},
        "algorithm": {
            "enum": ["auto", "ball_tree", "kd_tree", "brute"],
            "description": "How PyOD searches while training; the scores depend on it by ties only.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of PyOD's search tree; as `algorithm`."},
        "n_jobs": {"type": "integer", "description": "Processes that search while training; as `algorithm`."},
    },
)
