"""Nearest neighbours by brute force, with exact distances.

A matrix product of centred points only selects candidates; their distances are computed again by subtraction and
ranked again, so no cancellation of |x|^2 - 2xy + |y|^2 reaches a score.
"""

from functools import partial
from typing import NamedTuple

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
    single_precision_ranks,
    squares,
    verified_gap,
)
from pynomaly_inference.convert.selection import group_size, padded, smallest
from pynomaly_inference.convert.ties import sides, stretch

SPARE_CANDIDATES = 4
"""Selected beside the neighbours asked for: rounding in the product may swap points at almost the same distance, and
some of these may be equal to so many digits."""
BEYOND_TIES = 2
"""Selected beside the neighbours asked for and as many as are expected to be as far: one tells that there are no more,
and one may be there."""
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
        return _chosen(_by_single_precision(compared, count, metric), count)
    if not _multiplied(compared, metric):
        return _by_metric(compared, count, metric)
    spare = 0 if product_is_negligibly_off(compared.points) else SPARE_CANDIDATES
    return _chosen(_by_product(compared, count + spare), count)


def first_nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points in any order, and of those equally far, as `ties` has it, the first of the points."""
    # Where no point is equally far from others, a row may be equally far from all: the centre of rows of one length, or
    # to some metrics, such as those of directions, a row of zeros.
    compared = _compared(x, points._replace(ties=max(points.ties, 1)), metric)
    if not _multiplied(compared, metric):
        return _by_metric_and_ties(compared, count, metric)
    if _ties_are_searched(compared.points, count):
        return _by_product_and_ties(compared, count, metric)
    found = _by_product(compared, count + SPARE_CANDIDATES)
    return _measured(compared, _first(compared, found, count, metric), min(count, found.number))


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

    def stretch(self, measures: Expr, metric: Metric) -> Expr:
        """[n, 1]: as `ties.stretch`."""
        return stretch(self.x, measures, metric, self.points.rows.shape[1])

    def in_branch(self, x: Expr, table: Expr) -> "_Compared":
        """The same, of these values as a branch of the graph sees them."""
        return self._replace(x=x, table=table)

    def differences(self, places: Expr) -> Expr:
        """Double [n, count, columns]: these points less their row."""
        return self.x.graph.gather(self.table, places) - self.x.unsqueeze(1)

    def squares(self, places: Expr) -> Expr:
        """Double [n, count]: the squared distances of these points."""
        return self.differences(places).square().sum(axis=2)


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
    return number < total and (not is_whole(points.rows) or group_size(number, total) > 1)


def in_order(found: Neighbours) -> Neighbours:
    """The same neighbours, the nearest first."""
    graph, count = found.places.graph, found.number
    measures, order = graph.smallest(found.measures, count)
    return found._replace(measures=measures, places=graph.op("GatherElements", found.places, order, axis=1))


def _by_metric(compared: _Compared, count: int, metric: Metric) -> Neighbours:
    """By the metric's own measures of all points."""
    rows = compared.points.rows
    every = metric.between(compared.x, compared.table, rows.shape[1])
    count = min(count, len(rows))
    size = group_size(count, len(rows))
    return _of_all(compared, every, smallest(padded(every, -len(rows) % size), size, count)[1], count)


def _by_metric_and_ties(compared: _Compared, count: int, metric: Metric) -> Neighbours:
    """The same; of equally far points the first."""
    graph, points = compared.x.graph, compared.points
    every = metric.between(compared.x, compared.table, points.rows.shape[1])
    number, total = count + points.ties + BEYOND_TIES, len(points.rows)
    if number >= total:
        found = _of_all(compared, every, graph.smallest(every, total)[1], total)
        return _of_all(compared, every, _first(compared, found, count, metric), min(count, total))
    size = group_size(number, total)
    ranked, places = smallest(padded(every, -total % size), size, number)
    kth = ranked.columns([count - 1])
    most = compared.stretch(kth, metric)

    def with_ties(ranked: Expr, places: Expr, *of: Expr) -> Expr:
        every, kth, most, x = of
        low, high = kth / most, kth * most
        has_all = (ranked.columns([number - 1]) - high).least() > 0.0
        places = places.graph.either(has_all, _as_found, partial(_first_within, number), places, every, low, high)
        inner = compared.in_branch(x, compared.table)
        return _first(inner, _of_all(inner, every, places, number), count, metric)

    is_apart = (ranked.columns([count]) - kth * most).least() > 0.0
    nearest = partial(_leading, count)
    places = graph.either(is_apart, nearest, with_ties, ranked, places, every, kth, most, compared.x)
    return _of_all(compared, every, places, count)


def _of_all(compared: _Compared, every: Expr, places: Expr, number: int) -> Neighbours:
    return Neighbours(every.graph.op("GatherElements", every, places, axis=1), places, compared.raw, number)


def _by_single_precision(compared: _Compared, count: int, metric: Metric) -> Neighbours:
    """By the metric's measures in single precision, which take half the time, where a run's rows are verified.

    Measured and ranked again by double precision; where a row is not verified, all points are, for all rows of a run.
    """
    graph, rows = compared.x.graph, compared.points.rows
    number, columns = min(count + SPARE_CANDIDATES, len(rows)), rows.shape[1]
    size = group_size(number, len(rows))
    centred, single = compared.x - centre(rows), TensorProto.FLOAT
    every = metric.between(centred.cast(single), (compared.table - centre(rows)).cast(single), columns)
    last, places = smallest(padded(every.cast(TensorProto.DOUBLE), -len(rows) % size), size, number)
    kth = graph.smallest(metric.of_differences(compared.differences(places)), count)[0].columns([count - 1])
    gap = verified_gap(centred, last.columns([number - 1]), kth, columns)

    def in_double(_: Expr, x: Expr, table: Expr) -> Expr:
        measures = metric.between(x, table, columns)
        return smallest(padded(measures, -len(rows) % size), size, number)[1]

    places = graph.either(gap.least() > 0.0, _as_found, in_double, places, compared.x, compared.table)
    return Neighbours(metric.of_differences(compared.differences(places)), places, compared.raw, number)


def _by_product(compared: _Compared, count: int) -> Neighbours:
    """By a product of matrices; of equal products the first where points are tied."""
    rows = compared.points.rows
    count = min(count, len(rows))
    size = 1 if compared.points.ties else group_size(count, len(rows))
    ranks = products(compared.x - centre(rows), compared.table, rows, -len(rows) % size)
    return _measured(compared, smallest(ranks, size, count)[1], count)


def _by_product_and_ties(compared: _Compared, count: int, metric: Metric) -> Neighbours:
    """The same; of equally far points the first."""
    graph, points = compared.x.graph, compared.points
    number, columns = count + points.ties + BEYOND_TIES, points.rows.shape[1]
    size = group_size(number, len(points.rows))
    centred = compared.x - centre(points.rows)
    ranks = products(centred, compared.table, points.rows, -len(points.rows) % size)
    ranked, places = smallest(ranks, size, number)
    kth = ranked.columns([count - 1])
    square = squares(centred, kth)
    step = margin(centred, square, compared.stretch(square, metric), columns)

    def with_ties(ranked: Expr, places: Expr, *of: Expr) -> Expr:
        ranks, kth, step, x, table = of
        has_all = (ranked.columns([number - 1]) - kth - step).least() > 0.0
        again = partial(_first_within, number)
        places = places.graph.either(has_all, _as_found, again, places, ranks, kth - step, kth + step)
        inner = compared.in_branch(x, table)
        return _first(inner, _measured(inner, places, number), count, metric)

    is_apart = (ranked.columns([count]) - kth - step).least() > 0.0
    nearest, values = partial(_leading, count), (ranked, places, ranks, kth, step, compared.x, compared.table)
    return _measured(compared, graph.either(is_apart, nearest, with_ties, *values), count)


def _measured(compared: _Compared, places: Expr, number: int) -> Neighbours:
    """By squared distances, of subtraction."""
    return Neighbours(compared.squares(places), places, compared.raw, number)


def _as_found(places: Expr, *_: Expr) -> Expr:
    return places


def _leading(count: int, _ranked: Expr, places: Expr, *_: Expr) -> Expr:
    return places.columns(list(range(count)))


def _first_within(number: int, _: Expr, ranks: Expr, low: Expr, high: Expr) -> Expr:
    """int64 [n, number]: the positions of the ranks below the limits, and of those between them the first.

    For runs with a row that has more such points than candidates: all ranks are searched again.
    """
    return smallest(sides(ranks, low, high), 1, number)[1]


def _chosen(candidates: Neighbours, count: int) -> Neighbours:
    """The nearest of the candidates."""
    graph = candidates.places.graph
    if candidates.number <= count:
        return candidates
    order = graph.smallest(candidates.measures, count, ordered=False)[1]
    measures, places = (
        graph.op("GatherElements", values, order, axis=1) for values in (candidates.measures, candidates.places)
    )
    return Neighbours(measures, places, candidates.table, count)


def _first(compared: _Compared, candidates: Neighbours, count: int, metric: Metric) -> Expr:
    """int64 [n, count]: the places of the nearest candidates, of equally far ones the first of the points."""
    graph = candidates.places.graph
    if candidates.number <= count:
        return candidates.places
    kth = graph.smallest(candidates.measures, count)[0].columns([count - 1])
    most = compared.stretch(kth, metric)
    places, order = graph.smallest(candidates.places, candidates.number)
    ranks = sides(graph.op("GatherElements", candidates.measures, order, axis=1), kth / most, kth * most)
    return graph.op("GatherElements", places, graph.smallest(ranks, count)[1], axis=1)
