"""The nearest neighbours where the first of equally far points is one: what `ties` takes for equal is searched for."""

from functools import partial

from pynomaly_inference.convert.candidates import (
    SPARE_CANDIDATES,
    Compared,
    Neighbours,
    as_found,
    by_product,
    compared_by,
    least_of,
    measured,
    multiplied,
    of_all,
)
from pynomaly_inference.convert.graph import Expr, TensorProto
from pynomaly_inference.convert.metrics import Metric
from pynomaly_inference.convert.ranking import (
    MOST_TIES,
    Points,
    centre,
    is_whole,
    margin,
    product_tells_ties,
    products,
    squares,
)
from pynomaly_inference.convert.selection import group_size, padded, smallest
from pynomaly_inference.convert.ties import sides

BEYOND_TIES = 2
"""Selected beside the neighbours asked for and as many as are expected to be as far: one tells that there are no more,
and one may be there."""
LARGEST_PLACE = 2.0**40
"""Above the number of any point: a file holds far fewer."""


def first_nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points in any order, and of those equally far, as `ties` has it, the first of the points."""
    # Where no point is equally far from others, a row may be equally far from all: the centre of rows of one length, or
    # to some metrics, such as those of directions, a row of zeros.
    compared = compared_by(x, points._replace(ties=max(points.ties, 1)), metric)
    if not multiplied(compared, metric):
        return _by_metric_and_ties(compared, count, metric)
    if _ties_are_searched(compared.points, count):
        return _by_product_and_ties(compared, count, metric)
    return _first(compared, by_product(compared, count + SPARE_CANDIDATES), count, metric)


def _ties_are_searched(points: Points, count: int) -> bool:
    """False where products do not tell, or a search of all ranks finds the first of equally far points as fast."""
    if not product_tells_ties(points):
        return False
    number, total = count + points.ties + BEYOND_TIES, len(points.rows)
    return number < total and (not is_whole(points.rows) or group_size(number, total) > 1)


def _by_metric_and_ties(compared: Compared, count: int, metric: Metric) -> Neighbours:
    """The same; of equally far points the first."""
    graph, points = compared.x.graph, compared.points
    every = metric.between(compared.x, compared.table, points.rows.shape[1])
    number, total = count + points.ties + BEYOND_TIES, len(points.rows)
    if number >= total:
        return _first(compared, of_all(compared, every, graph.smallest(every, total)[1], total), count, metric)
    # Ties without end: all points are searched again, so one more than the neighbours is enough to know.
    number = count + 1 if points.ties >= MOST_TIES else number
    size = group_size(number, total)
    ranked, places = smallest(padded(every, -total % size), size, number)
    kth = ranked.columns([count - 1])
    most = compared.stretch(kth, metric)

    def with_ties(ranked: Expr, places: Expr, *of: Expr) -> tuple[Expr, ...]:
        every, kth, most, x = of
        low, high = kth / most, kth * most
        if number == count + 1:
            return (smallest(sides(every, low, high), 1, count)[1],)
        has_all = (ranked.columns([number - 1]) - high).least() > 0.0
        again = partial(_first_within, number)
        places = places.graph.either(has_all, as_found, again, places, every, low, high)[0]
        inner = compared.in_branch(x, compared.table)
        return (_first(inner, of_all(inner, every, places, number), count, metric).places,)

    is_apart = (ranked.columns([count]) - kth * most).least() > 0.0
    values = (ranked, places, every, kth, most, compared.x)
    return of_all(compared, every, graph.either(is_apart, partial(_leading, count), with_ties, *values)[0], count)


def _by_product_and_ties(compared: Compared, count: int, metric: Metric) -> Neighbours:
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

    def with_ties(ranked: Expr, places: Expr, *of: Expr) -> tuple[Expr, ...]:
        ranks, kth, step, x, table = of
        has_all = (ranked.columns([number - 1]) - kth - step).least() > 0.0
        again = partial(_first_within, number)
        places = places.graph.either(has_all, as_found, again, places, ranks, kth - step, kth + step)[0]
        inner = compared.in_branch(x, table)
        found = _first(inner, measured(inner, places, number), count, metric)
        return found.measures, found.places

    def without_ties(ranked: Expr, places: Expr, *of: Expr) -> tuple[Expr, ...]:
        nearest = _leading(count, ranked, places)[0]
        return compared.in_branch(*of[-2:]).squares(nearest), nearest

    is_apart = (ranked.columns([count]) - kth - step).least() > 0.0
    values = (ranked, places, ranks, kth, step, compared.x, compared.table)
    measures, places = graph.either(is_apart, without_ties, with_ties, *values)
    return Neighbours(measures, places, compared.raw, count)


def _leading(count: int, _ranked: Expr, places: Expr, *_: Expr) -> tuple[Expr, ...]:
    return (places.columns(list(range(count))),)


def _first_within(number: int, _: Expr, ranks: Expr, low: Expr, high: Expr) -> tuple[Expr, ...]:
    """int64 [n, number]: the positions of the ranks below the limits, and of those between them the first.

    For runs with a row that has more such points than candidates: all ranks are searched again.
    """
    return (smallest(sides(ranks, low, high), 1, number)[1],)


def _first(compared: Compared, candidates: Neighbours, count: int, metric: Metric) -> Neighbours:
    """The nearest of the candidates, of equally far ones the first of the points."""
    if candidates.number <= count:
        return candidates
    kth = candidates.places.graph.smallest(candidates.measures, count)[0].columns([count - 1])
    most = compared.stretch(kth, metric)
    side = sides(candidates.measures, kth / most, kth * most).cast(TensorProto.DOUBLE)
    return least_of(candidates, side * LARGEST_PLACE + candidates.places.cast(TensorProto.DOUBLE), count)
