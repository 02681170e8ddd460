"""Cluster-based local outlier factor: He, Xu and Deng, Pattern Recognition Letters 2003."""

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph, TensorProto
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.products import nearest_measure

EQUAL = 2.0**-32
"""Relative: clusters whose squared distances differ by no more are equally near."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The distance to the nearest center of a large cluster, times the size of the nearest cluster with `use_weights`.

    PyOD takes the own cluster's center where that cluster is large: it is the nearest of all.
    """
    centers = np.asarray(detector.cluster_centers_, np.float64)
    metric = metric_of("euclidean", 2.0, centers.shape[1])
    large = sorted(detector.large_cluster_labels_.tolist())
    if not detector.use_weights:
        return Conversion(metric.root(nearest_measure(x, centers[large], metric)))
    # Which of equally near clusters is taken shows in the score: by subtraction, and the first.
    measures = metric.between(x, graph.constant(centers), centers.shape[1])
    distance = metric.root(measures.columns(large).min(axis=1))
    is_farther = measures > measures.min(axis=1).unsqueeze(1) * (1 + EQUAL)
    own = graph.op("ArgMin", is_farther.cast(TensorProto.FLOAT), axis=1, keepdims=0)
    return Conversion(distance * graph.gather(detector.cluster_sizes_.astype(np.float64), own))


def exact_scores(detector: Any, X: Matrix) -> Scores:
    """PyOD's own, but where rounding made it take another cluster than the nearest."""
    distances = cdist(X, detector.cluster_centers_)
    own = (distances <= distances.min(axis=1, keepdims=True) * (1 + EQUAL / 2)).argmax(axis=1)
    exact = distances[:, detector.large_cluster_labels_].min(axis=1)
    if detector.use_weights:
        exact = exact * detector.cluster_sizes_[own]
    scores: Scores = np.where(detector.clustering_estimator_.predict(X) == own, detector.decision_function(X), exact)
    return scores


DECLARATION = Declaration(
    name="CBLOF",
    path="pyod.models.cblof.CBLOF",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.cluster_centers_.shape[1]),
    reference=ExactReference(
        "PyOD's decision_function, with the nearest cluster where KMeans, whose distances are products of matrices, "
        "takes another; of those whose distances differ by less than 2e-10 the first",
        lambda _detector: True,
        exact_scores,
    ),
    parameters={
        "n_clusters": {"type": "integer", "minimum": 2, "description": "Clusters of KMeans; PyOD's default is 8."},
        "alpha": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "description": "Share of the training rows that are in large clusters; the default is 0.9.",
        },
        "beta": {
            "type": "number",
            "exclusiveMinimum": 1,
            "description": "How many times a large cluster is larger than the next, small one; the default is 5.",
        },
        "use_weights": {"type": "boolean", "description": "Multiply by the size of the nearest cluster."},
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
        "n_jobs": {"const": 1, "description": "PyOD ignores it."},
        "check_estimator": {"const": False, "description": "PyOD's check of another clustering, which is not served."},
    },
)
