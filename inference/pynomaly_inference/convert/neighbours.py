"""Nearest neighbours by brute force, with exact distances.

A matrix product of centred points only selects candidates; their distances are computed again by subtraction and
ranked again, so no cancellation of |x|^2 - 2xy + |y|^2 reaches a score.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from pynomaly_inference.convert.graph import Expr, TensorProto
from pynomaly_inference.convert.metrics import Metric
from pynomaly_inference.convert.ranking import (
    MOST_TIES,
    Points,
    centre,
    is_whole,
    margin,
    product_is_negligibly_off,
    product_ranks,
    product_tells_ties,
    products,
    rounded,
    single_precision_ranks,
    verified_gap,
)

SPARE_CANDIDATES = 4
"""Selected beside the neighbours asked for: rounding in the product may swap points at almost the same distance, and
some of these may be equal to so many digits."""
BEYOND_TIES = 2
"""Selected beside the neighbours asked for and as many as are expected to be as far: one tells that there are no more,
and one may be there."""
GROUP = 16
"""Points a group: the nearest points are in the groups with the least minima, and a minimum is far cheaper to find than
the ranks of all points."""
GROUPED_FROM, GROUPED_A_NEIGHBOUR = 1024, 160
"""Points, and points a neighbour, from which grouping pays."""
CACHED = 2**17
"""Doubles: one run of the graph has an intermediate [rows, points], which should stay in the processor's cache."""
LARGEST_INTERMEDIATE = 2**21
"""Doubles: how large it may be."""
FEW_ROWS, MOST_ROWS = 32, 256
"""A run of fewer rows reads the points too often."""
SUBTRACTED_BELOW = 128
"""Points up to which a product of matrices saves nothing."""
FEW_COLUMNS = 8
"""Up to which subtracting all points takes less time than searching a product twice, as ties without end demand."""

Ranked = Callable[[Expr], Expr]
"""What measures are ranked by."""


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
    compared = _compared(x, points._replace(ties=0), metric)
    if metric.differences and single_precision_ranks(points):
        return _chosen(_by_single_precision(compared, count, metric), count, lambda measures: measures)
    if not _multiplied(compared, metric):
        return _by_metric(compared, count, metric, lambda measures: measures)
    spare = 0 if product_is_negligibly_off(compared.points) else SPARE_CANDIDATES
    return _chosen(_by_product(compared, count + spare), count, lambda measures: measures)


def first_nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points in any order, and of those equally far, to `KEPT_BITS`, the first of the points."""
    # Where no point is equally far from others, a row may be equally far from all: the centre of rows of one length, or
    # to some metrics, such as those of directions, a row of zeros.
    compared = _compared(x, points._replace(ties=max(points.ties, 1)), metric)
    if not _multiplied(compared, metric):
        return _by_metric(compared, count, metric, rounded)
    if _ties_are_searched(compared.points, count):
        candidates = _by_product_and_ties(compared, count)
    else:
        candidates = _by_product(compared, count + SPARE_CANDIDATES)
    return _chosen(_by_place(candidates), count, rounded)


class _Compared(NamedTuple):
    """What a metric compares."""

    x: Expr
    """Rows, prepared."""
    table: Expr
    """Points, prepared."""
    points: Points
    """The same as an array, where a product may rank them."""
    raw: Expr
    """Points as they are."""

    def differences(self, places: Expr) -> Expr:
        """Double [n, count, columns]: these points less their row."""
        return self.x.graph.gather(self.table, places) - self.x.unsqueeze(1)


def _compared(x: Expr, points: Points, metric: Metric) -> _Compared:
    raw, rows = x.graph.constant(points.rows), metric.prepare_array(points.rows)
    return _Compared(metric.prepare(x), metric.prepared(raw), points._replace(rows=rows), raw)


def _multiplied(compared: _Compared, metric: Metric) -> bool:
    points = compared.points
    if not metric.euclidean or len(points.rows) < SUBTRACTED_BELOW or not product_ranks(points):
        return False
    return points.ties < MOST_TIES or points.rows.shape[1] > FEW_COLUMNS or is_whole(points.rows)


def _ties_are_searched(points: Points, count: int) -> bool:
    """False where products do not tell, or a search of all ranks finds the first of equally far points as fast."""
    if not product_tells_ties(points):
        return False
    number, total = count + points.ties + BEYOND_TIES, len(points.rows)
    return number < total and (not is_whole(points.rows) or _group_size(number, total) > 1)


def in_order(found: Neighbours) -> Neighbours:
    """The same neighbours, the nearest first."""
    graph, count = found.places.graph, found.number
    measures, order = graph.smallest(found.measures, count)
    return found._replace(measures=measures, places=graph.op("GatherElements", found.places, order, axis=1))


def _by_metric(compared: _Compared, count: int, metric: Metric, ranked: Ranked) -> Neighbours:
    """By the metric's own measures of all points; of equal ones the first where points are tied."""
    graph, rows = compared.x.graph, compared.points.rows
    every = metric.between(compared.x, compared.table, rows.shape[1])
    count = min(count, len(rows))
    size = 1 if compared.points.ties else _group_size(count, len(rows))
    _, places = _smallest(_padded(ranked(every), -len(rows) % size), size, count)
    return Neighbours(graph.op("GatherElements", every, places, axis=1), places, compared.raw, count)


def _by_single_precision(compared: _Compared, count: int, metric: Metric) -> Neighbours:
    """By the metric's measures in single precision, which take half the time, where a run's rows are verified.

    Measured and ranked again by double precision; where a row is not verified, all points are, for all rows of a run.
    """
    graph, rows = compared.x.graph, compared.points.rows
    number, columns = min(count + SPARE_CANDIDATES, len(rows)), rows.shape[1]
    size = _group_size(number, len(rows))
    centred, single = compared.x - centre(rows), TensorProto.FLOAT
    every = metric.between(centred.cast(single), (compared.table - centre(rows)).cast(single), columns)
    last, places = _smallest(_padded(every.cast(TensorProto.DOUBLE), -len(rows) % size), size, number)
    kth = graph.smallest(metric.of_differences(compared.differences(places)), count)[0].columns([count - 1])
    gap = verified_gap(centred, last.columns([number - 1]), kth, columns)

    def in_double(_: Expr, x: Expr, table: Expr) -> Expr:
        measures = metric.between(x, table, columns)
        return _smallest(_padded(measures, -len(rows) % size), size, number)[1]

    places = graph.either(gap.least() > 0.0, _as_found, in_double, places, compared.x, compared.table)
    return Neighbours(metric.of_differences(compared.differences(places)), places, compared.raw, number)


def _by_product(compared: _Compared, count: int) -> Neighbours:
    """By a product of matrices; of equal products the first where points are tied."""
    rows = compared.points.rows
    count = min(count, len(rows))
    size = 1 if compared.points.ties else _group_size(count, len(rows))
    ranks = products(compared.x - centre(rows), compared.table, rows, -len(rows) % size)
    return _measured(compared, _smallest(ranks, size, count)[1], count)


def _by_product_and_ties(compared: _Compared, count: int) -> Neighbours:
    """The same and more: every point that is as far as the last of the nearest, or the first of these."""
    graph, points = compared.x.graph, compared.points
    number = count + points.ties + BEYOND_TIES
    size = _group_size(number, len(points.rows))
    centred = compared.x - centre(points.rows)
    ranks = products(centred, compared.table, points.rows, -len(points.rows) % size)
    smallest, places = _smallest(ranks, size, number)
    kth, last = smallest.columns([count - 1]), smallest.columns([number - 1])
    step = margin(centred, kth, points.rows.shape[1])
    is_apart = (last - kth - step).least() > 0.0
    places = graph.either(is_apart, _as_found, partial(_first_of_ties, number), places, ranks, kth, step)
    return _measured(compared, places, number)


def _measured(compared: _Compared, places: Expr, number: int) -> Neighbours:
    """By squared distances, of subtraction."""
    return Neighbours(compared.differences(places).square().sum(axis=2), places, compared.raw, number)


def _as_found(places: Expr, *_: Expr) -> Expr:
    return places


def _first_of_ties(number: int, _: Expr, ranks: Expr, kth: Expr, step: Expr) -> Expr:
    """int64 [n, number]: the positions of the smallest ranks; of those within a step from the k-th, the first.

    For runs with a row that has more such points than candidates: all ranks are searched again.
    """
    steps = ranks.graph.op("Round", (ranks - kth) / (step * 2.0))
    return _smallest(steps, 1, number)[1]


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


def _padded(measures: Expr, padding: int) -> Expr:
    """[n, points + padding]: infinite for the padding."""
    return measures.graph.op("Pad", measures, np.array([0, 0, 0, padding]), np.inf) if padding else measures


def _group_size(count: int, total: int) -> int:
    """1 where groups would not pay."""
    return GROUP if total >= max(GROUPED_FROM, GROUPED_A_NEIGHBOUR * count) else 1


def _smallest(measures: Expr, size: int, count: int) -> tuple[Expr, Expr]:
    """The smallest measures in ascending order, and their positions; of equal ones the first, in groups of size 1."""
    graph = measures.graph
    if size == 1:
        return graph.smallest(measures, count)
    # With g groups, group 0 holds the positions 0, g, 2 g, ...
    by_group = measures.reshape(0, size, -1)
    groups = graph.op("Shape", by_group, start=2, end=3)
    _, best = graph.smallest(by_group.min(axis=1), count, ordered=False)
    members = (best.unsqueeze(2) + groups * np.arange(size)).reshape(0, count * size)
    smallest, chosen = graph.smallest(graph.op("GatherElements", measures, members, axis=1), count)
    return smallest, graph.op("GatherElements", members, chosen, axis=1)
