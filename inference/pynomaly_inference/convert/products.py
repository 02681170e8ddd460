"""Squared distances by a product of matrices, |x|^2 - 2xy + |y|^2 of centred rows, and how far off rounding makes them.

A product only decides which point is near; a distance that reaches a score is computed by subtraction.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.metrics import Metric

Matrix = NDArray[np.float64]
NEGLIGIBLE = 4e-10
"""Relative, of a squared distance: what it may be off, a fifth of the tolerance of a distance."""
SUBTRACTED_COLUMNS = 2
"""Up to so many columns, a product of matrices saves nothing."""


def rounding(columns: int, squared_lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a product's squared distances are off at most, from rows of these squared lengths to points as long."""
    bound: NDArray[np.float64] = 2 * (columns + 4) * np.finfo(np.float64).eps * squared_lengths
    return bound


def squared_distances(x: Expr, points: Matrix, less: NDArray[np.float64]) -> Expr:
    """Double [n, points]: the squared distance to each point, less the point's own number."""
    graph, center = x.graph, points.mean(axis=0)
    centred = points - center
    rows = x - center
    weights = np.concatenate(
        [-2 * centred, np.ones((len(points), 1)), ((centred**2).sum(axis=1) - less)[:, None]], axis=1
    )
    with_square = graph.concat(rows, rows.square().sum(axis=1, keep=True), axis=1)
    return graph.op("Pad", with_square, np.array([0, 0, 0, 1]), 1.0) @ np.ascontiguousarray(weights.T)


def nearest_measure(x: Expr, points: Matrix, metric: Metric) -> Expr:
    """Double [n]: the measure of the nearest of few points."""
    graph, columns = x.graph, points.shape[1]
    multiplied = metric.euclidean and not metric.more_columns and columns > SUBTRACTED_COLUMNS
    if not (multiplied and _tells_nearest(points)):
        return metric.between(
            metric.prepare(x), metric.prepared(graph.constant(points)), columns + metric.more_columns
        ).min(axis=1)
    center = points.mean(axis=0)
    centred = points - center
    ranks = (x - center) @ (-2 * centred.T) + (centred**2).sum(axis=1)
    nearest = graph.op("ArgMin", ranks, axis=1, keepdims=0)
    return (x - graph.gather(points, nearest)).square().sum(axis=1)


def _tells_nearest(points: Matrix) -> bool:
    """True when a point taken for the nearest by rounding is as near as the nearest, but for what is `NEGLIGIBLE`.

    Points a and b at distances that differ by rounding are both at half of |a - b| at least.
    """
    apart = np.unique(points, axis=0)
    if len(apart) == 1:
        return True
    longest = float(((apart - points.mean(axis=0)) ** 2).sum(axis=1).max())
    # A row more than twice as long as the longest is far from them all, and the error small beside its distance.
    error = float(rounding(points.shape[1], np.array(4 * longest)))
    return bool(2 * error <= NEGLIGIBLE * float(pdist(apart, "sqeuclidean").min()) / 4)
