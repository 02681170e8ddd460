"""Nearest neighbours by brute force, with exact distances.

A matrix product of centred points only selects candidates; their distances are computed again by subtraction and
ranked again, so no cancellation of |x|^2 - 2xy + |y|^2 reaches a score.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.graph import Expr

SPARE_CANDIDATES = 4
"""Selected beside the neighbours asked for: rounding in the product may swap points at almost the same distance."""
GROUP = 16
"""Points a group: the nearest points are in the groups with the least minima, and a minimum is far cheaper to find than
the ranks of all points."""
GROUPED_FROM = 2048
"""Points from which grouping pays."""
LARGEST_INTERMEDIATE = 2**21
"""Doubles: one run of the graph has an intermediate [rows, points], which must stay in the processor's cache."""
MOST_ROWS = 256
SAFETY = 100.0
"""How many times a point's distance to its neighbours must exceed the product's rounding there."""


class Points(NamedTuple):
    """The points among which neighbours are looked for."""

    rows: NDArray[np.float64]
    """[points, columns]."""
    spacing: NDArray[np.float64]
    """[points]: how far each point's own neighbours are."""


class Neighbours(NamedTuple):
    """The nearest points of each row. Distances and differences are raised to the power p of the metric."""

    distances: Expr
    """double [n, count], ascending."""
    differences: Expr
    """double [n, candidates, columns]: of single columns, in no order."""
    order: Expr
    """int64 [n, count]: the neighbours' places among the candidates."""


def rows_at_once(points: int) -> int:
    """How many rows one run of the graph should take at most."""
    return max(1, min(MOST_ROWS, LARGEST_INTERMEDIATE // points))


def nearest(x: Expr, points: Points, count: int, p: float) -> Neighbours:
    """The `count` nearest points by the Minkowski distance of power p."""
    graph = x.graph
    table = graph.constant(points.rows)
    wanted = min(count + SPARE_CANDIDATES, len(points.rows))
    by_product = p == 2 and product_tells_apart(points)  # noqa: PLR2004 - the Euclidean distance
    distances = _by_product(x, table, points.rows) if by_product else _by_difference(x, table, points.rows.shape, p)
    candidates = _smallest(distances, len(points.rows), wanted)
    differences = power(graph.gather(table, candidates) - x.unsqueeze(1), p)
    nearest_distances, order = graph.smallest(differences.sum(axis=2), count)
    return Neighbours(nearest_distances, differences, order)


def product_tells_apart(points: Points) -> bool:
    """False when neighbours are so close, next to the whole, that a product's rounding would choose the wrong ones.

    |x|^2 - 2xy + |y|^2 of d columns is off by at most about 2 (d + 4) eps |x|^2 near x. Neighbours at distance 0 are
    duplicates: which of them is chosen does not matter.
    """
    centred = points.rows - points.rows.mean(axis=0)
    error = 2 * (centred.shape[1] + 4) * np.finfo(np.float64).eps * (centred**2).sum(axis=1)
    apart = points.spacing > 0
    return bool(np.all(points.spacing[apart] > SAFETY * np.sqrt(2 * error[apart])))


def _by_product(x: Expr, table: Expr, rows: NDArray[np.float64]) -> Expr:
    """[n, padded points]: squared distances less each row's own square, infinite for the padding.

    The weights are expressions of the points, so the file holds the points once; ONNX Runtime computes them at load.
    """
    graph, columns, mean = x.graph, rows.shape[1], rows.mean(axis=0)
    centred = table - mean
    weights = graph.concat(centred * -2.0, centred.square().sum(axis=1, keep=True), axis=1)
    padding = np.zeros((_padding(len(rows)), columns + 1))
    padding[:, -1] = np.inf
    if len(padding):
        weights = graph.concat(weights, padding, axis=0)
    with_one = graph.op("Pad", x - mean, np.array([0, 0, 0, 1]), 1.0)
    return with_one @ weights.transpose()


def _by_difference(x: Expr, table: Expr, shape: tuple[int, ...], p: float) -> Expr:
    """[n, padded points]: distances to the power p, infinite for the padding; one pass over the points a column."""
    rows, columns = shape
    if _padding(rows):
        table = x.graph.concat(table, np.full((_padding(rows), columns), np.inf), axis=0)
    terms = [power(x.columns([column]) - table.column(column), p) for column in range(columns)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _padding(points: int) -> int:
    return -points % GROUP if points >= GROUPED_FROM else 0


def _smallest(distances: Expr, points: int, count: int) -> Expr:
    """int64 [n, count]: the positions of the smallest distances."""
    graph = distances.graph
    if points < GROUPED_FROM or count > points // GROUP:
        return graph.smallest(distances, count)[1]
    groups = (points + _padding(points)) // GROUP
    # Group g holds the positions g, g + groups, g + 2 groups, ...
    _, best = graph.smallest(distances.reshape(0, GROUP, groups).min(axis=1), count)
    members = (best.unsqueeze(2) + np.arange(GROUP) * groups).reshape(0, count * GROUP)
    _, chosen = graph.smallest(graph.op("GatherElements", distances, members, axis=1), count)
    return graph.op("GatherElements", members, chosen, axis=1)


def power(differences: Expr, p: float) -> Expr:
    """The differences' sizes to the power p."""
    if p == 2:  # noqa: PLR2004 - the Euclidean distance
        return differences.square()
    return differences.abs() if p == 1 else differences.abs() ** p


def root(distances: Expr, p: float) -> Expr:
    """What `power` was the power of."""
    if p == 2:  # noqa: PLR2004 - the Euclidean distance
        return distances.sqrt()
    return distances if p == 1 else distances ** (1 / p)
