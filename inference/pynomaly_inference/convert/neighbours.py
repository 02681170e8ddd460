"""Nearest neighbours by brute force, with exact distances.

A matrix product of centred points only selects candidates; their distances are computed again by subtraction and
ranked again, so no cancellation of |x|^2 - 2xy + |y|^2 reaches a score.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.metrics import Metric

SPARE_CANDIDATES = 4
"""Selected beside the neighbours asked for: rounding in the product may swap points at almost the same distance."""
GROUP = 16
"""Points a group: the nearest points are in the groups with the least minima, and a minimum is far cheaper to find than
the ranks of all points."""
GROUPED_FROM = 2048
"""Points from which grouping pays."""
CACHED = 2**17
"""Doubles: one run of the graph has an intermediate [rows, points], which should stay in the processor's cache."""
LARGEST_INTERMEDIATE = 2**21
"""Doubles: how large it may be."""
FEW_ROWS, MOST_ROWS = 32, 256
"""A run of fewer rows reads the points too often."""
SAFETY = 100.0
"""How many times a point's distance to its neighbours must exceed the product's rounding there."""
SUBTRACTED_BELOW = 128
"""Points up to which a product of matrices saves nothing."""
LARGEST_WHOLE = 2.0**20
"""Whole numbers up to this have exact products and squares, and so have their sums over a thousand columns."""
KEPT_BITS = 32
"""Of 53: distances equal to so many binary digits are equal."""


class Points(NamedTuple):
    """The points among which neighbours are looked for."""

    rows: NDArray[np.float64]
    """[points, columns]."""
    spacing: NDArray[np.float64]
    """[points]: how far each point's own neighbours are."""
    tied: bool = False
    """True when points are equally far from others at the last place that counts."""


class Neighbours(NamedTuple):
    """The nearest points of each row."""

    measures: Expr
    """double [n, count], ascending: what the metric's `root` makes distances of."""
    places: Expr
    """int64 [n, count]: their rows among the points."""
    table: Expr
    """The points, to gather from: in the file once."""

    def rows(self, ranks: list[int]) -> Expr:
        """Double [n, ranks, columns]: the neighbours of these ranks, from 0."""
        return self.table.graph.gather(self.table, self.places.columns(ranks))


def rows_at_once(points: int) -> int:
    """How many rows one run of the graph should take at most."""
    in_cache, at_most = CACHED // points, LARGEST_INTERMEDIATE // points
    return max(1, min(MOST_ROWS, at_most, max(FEW_ROWS, in_cache)))


def nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points; which of equally far ones is left open."""
    return _nearest(x, points._replace(tied=False), count, metric, lambda measures: measures)


def first_nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points and of those equally far, to `KEPT_BITS`, the first in the order of the points."""
    return _nearest(x, points, count, metric, rounded)


def _nearest(x: Expr, points: Points, count: int, metric: Metric, ranked: Callable[[Expr], Expr]) -> Neighbours:
    graph = x.graph
    total, columns = points.rows.shape
    table = graph.constant(points.rows)
    wanted = min(count + SPARE_CANDIDATES, total)
    size = _group_size(points, wanted)
    if metric.euclidean and total >= SUBTRACTED_BELOW and product_ranks(points):
        # In the order of the points, so that the first of equally far ones is the first among the candidates.
        candidates = _ascending(_smallest(_by_product(x, table, points.rows, -total % size), size, wanted), wanted)
        measures = (graph.gather(table, candidates) - x.unsqueeze(1)).square().sum(axis=2)
    else:
        every = metric.between(metric.prepare(x), metric.prepared(table), columns + metric.more_columns)
        candidates = _ascending(_smallest(_padded(ranked(every), -total % size), size, wanted), wanted)
        measures = graph.op("GatherElements", every, candidates, axis=1)
    _, order = graph.smallest(ranked(measures), count)
    found = (graph.op("GatherElements", values, order, axis=1) for values in (measures, candidates))
    return Neighbours(next(found), next(found), table)


def _ascending(places: Expr, count: int) -> Expr:
    return places.graph.smallest(places, count)[0]


def product_ranks(points: Points) -> bool:
    """True when a matrix product finds the nearest points, and of equally far ones the first where that counts."""
    return product_tells_apart(points) and (not points.tied or _whole(points.rows))


def product_tells_apart(points: Points) -> bool:
    """False when neighbours are so close, next to the whole, that a product's rounding would choose the wrong ones.

    |x|^2 - 2xy + |y|^2 of d columns is off by at most about 2 (d + 4) eps |x|^2 near x. Neighbours at distance 0 are
    duplicates: which of them is chosen does not matter.
    """
    centred = points.rows - _center(points.rows)
    error = 2 * (centred.shape[1] + 4) * np.finfo(np.float64).eps * (centred**2).sum(axis=1)
    apart = points.spacing > 0
    return bool(np.all(points.spacing[apart] > SAFETY * np.sqrt(2 * error[apart])))


def _whole(rows: NDArray[np.float64]) -> bool:
    return bool(np.all(rows == np.rint(rows)) and np.abs(rows).max() <= LARGEST_WHOLE)


def _center(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Near the mean; whole among whole numbers, whose product is then exact."""
    mean: NDArray[np.float64] = rows.mean(axis=0)
    return np.rint(mean) if _whole(rows) else mean


def _by_product(x: Expr, table: Expr, rows: NDArray[np.float64], padding: int) -> Expr:
    """[n, points + padding]: squared distances less each row's own square, infinite for the padding.

    The weights are expressions of the points, so the file holds the points once; ONNX Runtime computes them at load.
    """
    graph, columns, center = x.graph, rows.shape[1], _center(rows)
    centred = table - center
    weights = graph.concat(centred * -2.0, centred.square().sum(axis=1, keep=True), axis=1)
    if padding:
        infinite = np.zeros((padding, columns + 1))
        infinite[:, -1] = np.inf
        weights = graph.concat(weights, infinite, axis=0)
    with_one = graph.op("Pad", x - center, np.array([0, 0, 0, 1]), 1.0)
    return with_one @ weights.transpose()


def _padded(measures: Expr, padding: int) -> Expr:
    """[n, points + padding]: infinite for the padding."""
    return measures.graph.op("Pad", measures, np.array([0, 0, 0, padding]), np.inf) if padding else measures


def _group_size(points: Points, count: int) -> int:
    """1 where groups would not pay, or would let any of equally far points come first."""
    total = len(points.rows)
    return 1 if points.tied or total < GROUPED_FROM or count > total // GROUP else GROUP


def _smallest(measures: Expr, size: int, count: int) -> Expr:
    """int64 [n, count]: the positions of the smallest measures; of equal ones the first, in groups of size 1."""
    graph = measures.graph
    if size == 1:
        return graph.smallest(measures, count)[1]
    # With g groups, group 0 holds the positions 0, g, 2 g, ...
    by_group = measures.reshape(0, size, -1)
    groups = graph.op("Shape", by_group, start=2, end=3)
    _, best = graph.smallest(by_group.min(axis=1), count)
    members = (best.unsqueeze(2) + groups * np.arange(size)).reshape(0, count * size)
    _, chosen = graph.smallest(graph.op("GatherElements", measures, members, axis=1), count)
    return graph.op("GatherElements", members, chosen, axis=1)


def rounded(measures: Expr) -> Expr:
    """To `KEPT_BITS` digits: Dekker's splitting. Infinity becomes NaN."""
    big = measures * (2.0 ** (53 - KEPT_BITS) + 1)
    return big - (big - measures)
