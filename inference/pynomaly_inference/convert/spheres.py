"""The spheres around the centers of each estimator of an ensemble, and which rows they cover."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pynomaly_inference.convert.declaration import Matrix
from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.products import rounding, squared_distances

ON_THE_SPHERE = 1e-10
"""Relative, of the squared radius: a row this close is on the sphere, and a row on the sphere is inside."""


class Spheres(NamedTuple):
    """The spheres of all estimators, each estimator's from the smallest to the largest by PyOD's radii."""

    centers: Matrix
    """[spheres * estimators, columns]: the smallest sphere of every estimator first."""
    squared_radii: NDArray[np.float64]
    """[spheres, estimators]: to the nearest other center by subtraction."""
    ratios: NDArray[np.float64]
    """[spheres + 1, estimators]: the isolation scores; the last, 1, is of a row that no sphere covers."""


def spheres_of(detector: Any) -> Spheres:
    """Those of a fitted INNE."""
    centers, radii, ratios = detector._centroids, detector._centroids_radius, detector._ratio  # noqa: SLF001 - published nowhere else
    order = np.argsort(radii, axis=1, kind="stable")
    apart = np.stack([_to_nearest_other(one) for one in centers])
    ordered = (np.take_along_axis(values, order, axis=1).T for values in (apart, ratios))
    squared_radii, scores = ordered
    by_size = np.take_along_axis(centers, order[:, :, None], axis=1).transpose(1, 0, 2)
    return Spheres(
        np.ascontiguousarray(by_size.reshape(-1, centers.shape[2])),
        np.ascontiguousarray(squared_radii),
        np.concatenate([scores, np.ones((1, len(centers)))]),
    )


def _to_nearest_other(centers: Matrix) -> NDArray[np.float64]:
    distances = cdist(centers, centers, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    nearest: NDArray[np.float64] = distances.min(axis=1)
    return nearest


def limits(spheres: Spheres) -> NDArray[np.float64]:
    """[spheres, estimators]: a row whose squared distance from the center is at most this is covered."""
    return spheres.squared_radii * (1 + ON_THE_SPHERE)


def outside(x: Expr, spheres: Spheres) -> Expr:
    """Double [n, spheres * estimators]: the squared distance to the center less the limit."""
    radii, columns = limits(spheres).reshape(-1), spheres.centers.shape[1]
    if _product_decides(spheres):
        return squared_distances(x, spheres.centers, radii)
    metric = metric_of("sqeuclidean", 2.0, columns)
    return metric.between(x, x.graph.constant(spheres.centers), columns) - radii


def _product_decides(spheres: Spheres) -> bool:
    """True when a product's rounding, of a row near any sphere, is small beside what counts as on the sphere."""
    centred = spheres.centers - spheres.centers.mean(axis=0)
    radii = spheres.squared_radii.reshape(-1)
    lengths = np.sqrt((centred**2).sum(axis=1)) + np.sqrt(radii)
    return bool(np.all(rounding(centred.shape[1], lengths**2) <= ON_THE_SPHERE / 2 * radii))
