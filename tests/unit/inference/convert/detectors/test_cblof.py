"""CBLOF: the nearest cluster where PyOD's KMeans takes another, and clusterings that are not KMeans."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.cblof import CBLOF
from sklearn.cluster import Birch

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def clusters() -> Matrix:
    random = np.random.default_rng(0)
    parts = [random.standard_normal((size, 2)) + place for size, place in ((200, 0), (100, 8), (15, -9), (8, 20))]
    return np.concatenate(parts)


@pytest.mark.parametrize("weights", [False, True])
def test_a_row_of_a_small_cluster_is_as_far_as_the_nearest_large_one(run: Run, agree: Agree, weights: bool) -> None:
    X = clusters()
    detector = CBLOF(n_clusters=4, use_weights=weights, random_state=0).fit(X)
    assert len(detector.small_cluster_labels_) == 2
    rows = np.concatenate([X, X * 1.5])
    distances = np.sqrt(((rows[:, None] - detector.cluster_centers_) ** 2).sum(axis=2))
    exact = distances[:, detector.large_cluster_labels_].min(axis=1)
    sizes = detector.cluster_sizes_[distances.argmin(axis=1)] if weights else 1
    agree(detector, run(to_onnx(detector), rows)["score"], exact * sizes)
    agree(detector, exact * sizes, detector.decision_function(rows))


def test_kmeans_takes_other_clusters_than_the_nearest_far_from_zero_and_the_graph_does_not(
    run: Run, agree: Agree
) -> None:
    """KMeans predicts by |c|^2 - 2 x c, which cancels."""
    X = clusters() + 1e7
    detector = CBLOF(n_clusters=4, random_state=0).fit(X)
    centers = detector.cluster_centers_[detector.large_cluster_labels_]
    middle = centers.mean(axis=0) if len(centers) == 2 else centers[:2].mean(axis=0)
    rows = middle + np.random.default_rng(1).standard_normal((200, 2)) * 1e-3
    exact = np.sqrt(((rows[:, None] - centers) ** 2).sum(axis=2)).min(axis=1)
    assert np.max(np.abs(detector.decision_function(rows) / exact - 1)) > 1e-6
    agree(detector, run(to_onnx(detector), rows)["score"], exact)
    agree(detector, reference_scores(detector, rows), exact)


def test_another_clustering_is_refused_by_name() -> None:
    detector = CBLOF(clustering_estimator=Birch(n_clusters=4), n_clusters=4)
    with pytest.warns(UserWarning, match="does not have"):
        detector.fit(clusters())
    with pytest.raises(NotConvertible, match="clustering_estimator"):
        to_onnx(detector)
