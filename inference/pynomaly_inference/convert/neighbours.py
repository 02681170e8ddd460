"""Nearest neighbours by brute force, with exact distances.

A matrix product of centred points only selects candidates; their distances are computed again by subtraction and
ranked again, so no cancellation of |x|^2 - 2xy + |y|^2 reaches a score.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.metrics import Metric
from pynomaly_inference.convert.products import NEGLIGIBLE, rounding

SPARE_CANDIDATES = 4
"""Selected beside the neighbours asked for: rounding in the product may swap points at almost the same distance, and
some of these may be equal to so many digits."""
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


Ranked = Callable[[Expr], Expr]
"""What measures are ranked by."""


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
    """double [n, count]: what the metric's `root` makes distances of."""
    places: Expr
    """int64 [n, count]: their rows among the points."""
    table: Expr
    """The points, to gather from: in the file once."""
    number: int
    """How many of each row."""

    def rows(self, ranks: list[int]) -> Expr:
        """Double [n, ranks, columns]: the neighbours of these ranks, from 0."""
        return self.table.graph.gather(self.table, self.places.columns(ranks))


def rows_at_once(points: int) -> int:
    """How many rows one run of the graph should take at most."""
    in_cache, at_most = CACHED // points, LARGEST_INTERMEDIATE // points
    return max(1, min(MOST_ROWS, at_most, max(FEW_ROWS, in_cache)))


def nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points, the nearest first; which of equally far ones is left open."""
    return in_order(nearest_in_any_order(x, points, count, metric))


def nearest_in_any_order(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The same points, not sorted."""
    points = points._replace(tied=False)
    if not _multiplied(points, metric):
        return _by_metric(x, points, count, metric, lambda measures: measures)
    if product_is_negligibly_off(points):
        return _by_product(x, points, count)
    return _chosen(_by_product(x, points, count + SPARE_CANDIDATES), count, lambda measures: measures)


def first_nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points in any order, and of those equally far, to `KEPT_BITS`, the first of the points."""
    if _multiplied(points, metric):
        candidates = _by_product(x, points, count + _spare(points))
    elif _group_size(points, count) == 1:
        return _by_metric(x, points, count, metric, rounded)
    else:
        candidates = _by_metric(x, points, count + _spare(points), metric, rounded)
    return _chosen(_by_place(candidates), count, rounded)


def _spare(points: Points) -> int:
    """Where no training row is equally far from others, a new one is from two at most, or is made to be."""
    return SPARE_CANDIDATES if points.tied or not product_is_negligibly_off(points) else 1


def in_order(found: Neighbours) -> Neighbours:
    """The same neighbours, the nearest first."""
    graph, count = found.places.graph, found.number
    measures, order = graph.smallest(found.measures, count)
    return found._replace(measures=measures, places=graph.op("GatherElements", found.places, order, axis=1))


def _by_metric(x: Expr, points: Points, count: int, metric: Metric, ranked: Ranked) -> Neighbours:
    graph, table = x.graph, x.graph.constant(points.rows)
    every = metric.between(metric.prepare(x), metric.prepared(table), points.rows.shape[1] + metric.more_columns)
    count = min(count, len(points.rows))
    size = _group_size(points, count)
    places = _smallest(_padded(ranked(every), -len(points.rows) % size), size, count)
    return Neighbours(graph.op("GatherElements", every, places, axis=1), places, table, count)


def _by_product(x: Expr, points: Points, count: int) -> Neighbours:
    """The nearest by a product of matrices, measured by subtraction."""
    graph, table = x.graph, x.graph.constant(points.rows)
    count = min(count, len(points.rows))
    size = _group_size(points, count)
    products = _products(x, table, points.rows, -len(points.rows) % size)
    places = _smallest(products, size, count)
    measures = (graph.gather(table, places) - x.unsqueeze(1)).square().sum(axis=2)
    return Neighbours(measures, places, table, count)


def _by_place(found: Neighbours) -> Neighbours:
    """The same neighbours in the order of the points."""
    graph = found.places.graph
    places, order = graph.smallest(found.places, found.number)
    return found._replace(measures=graph.op("GatherElements", found.measures, order, axis=1), places=places)


def _chosen(candidates: Neighbours, count: int, ranked: Ranked) -> Neighbours:
    """The nearest of the candidates, of equally far ones the first."""
    graph = candidates.places.graph
    if candidates.number <= count:
        return candidates
    order = graph.smallest(ranked(candidates.measures), count, ordered=False)[1]
    measures, places = (
        graph.op("GatherElements", values, order, axis=1) for values in (candidates.measures, candidates.places)
    )
    return Neighbours(measures, places, candidates.table, count)


def _multiplied(points: Points, metric: Metric) -> bool:
    return metric.euclidean and len(points.rows) >= SUBTRACTED_BELOW and product_ranks(points)


def product_ranks(points: Points) -> bool:
    """True when a matrix product finds the nearest points, and of equally far ones the first where that counts."""
    return product_tells_apart(points) and (not points.tied or _whole(points.rows))


def product_tells_apart(points: Points) -> bool:
    """False when neighbours are so close, next to the whole, that a product's rounding would choose the wrong ones.

    |x|^2 - 2xy + |y|^2 of d columns is off by at most about 2 (d + 4) eps |x|^2 near x. Which of several duplicates is
    chosen does not matter, but that it is one of them does: there the nearest other point counts.
    """
    return bool(np.all(_to_others(points) > SAFETY * np.sqrt(2 * _rounding(points))))


def _to_others(points: Points) -> NDArray[np.float64]:
    """[points]: the spacing; where that is 0, how far the nearest point is that is no duplicate."""
    found = points.spacing.copy()
    duplicated = found == 0
    if duplicated.any():
        distinct = cKDTree(np.unique(points.rows, axis=0))
        found[duplicated] = distinct.query(points.rows[duplicated], k=[2])[0][:, 0]
    return found


def product_is_negligibly_off(points: Points) -> bool:
    """True when a point that a product's rounding takes for a neighbour is as near, but for what is `NEGLIGIBLE`.

    A row that `count` + 1 points are equally near to has one of them whose own spacing is at most twice that far; it
    is then at most twice as long as that point, or far from it next to the rounding.
    """
    return bool(np.all(2 * _rounding(points) * 4 <= NEGLIGIBLE * (points.spacing / 2) ** 2))


def _rounding(points: Points) -> NDArray[np.float64]:
    centred = points.rows - _center(points.rows)
    return rounding(centred.shape[1], (centred**2).sum(axis=1))


def _whole(rows: NDArray[np.float64]) -> bool:
    return bool(np.all(rows == np.rint(rows)) and np.abs(rows).max() <= LARGEST_WHOLE)


def _center(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Near the mean; whole among whole numbers, whose product is then exact."""
    mean: NDArray[np.float64] = rows.mean(axis=0)
    return np.rint(mean) if _whole(rows) else mean


def _products(x: Expr, table: Expr, rows: NDArray[np.float64], padding: int) -> Expr:
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
        return graph.smallest(measures, count, ordered=False)[1]
    # With g groups, group 0 holds the positions 0, g, 2 g, ...
    by_group = measures.reshape(0, size, -1)
    groups = graph.op("Shape", by_group, start=2, end=3)
    _, best = graph.smallest(by_group.min(axis=1), count, ordered=False)
    members = (best.unsqueeze(2) + groups * np.arange(size)).reshape(0, count * size)
    _, chosen = graph.smallest(graph.op("GatherElements", measures, members, axis=1), count, ordered=False)
    return graph.op("GatherElements", members, chosen, axis=1)


def rounded(measures: Expr) -> Expr:
    """To `KEPT_BITS` digits: Dekker's splitting. Infinity becomes NaN."""
    big = measures * (2.0 ** (53 - KEPT_BITS) + 1)
    return big - (big - measures)
