"""Nearest neighbours by brute force, with exact distances.

A matrix product of centred points only selects candidates; their distances are computed again by subtraction and
ranked again, so no cancellation of |x|^2 - 2xy + |y|^2 reaches a score.
"""

from pynomaly_inference.convert.candidates import (
    SPARE_CANDIDATES,
    Compared,
    Neighbours,
    as_found,
    by_product,
    compared_by,
    in_order,
    least_of,
    multiplied,
    of_all,
)
from pynomaly_inference.convert.graph import Expr, TensorProto
from pynomaly_inference.convert.metrics import Metric
from pynomaly_inference.convert.ranking import (
    Points,
    centre,
    product_is_negligibly_off,
    single_precision_ranks,
    verified_gap,
)
from pynomaly_inference.convert.selection import group_size, padded, smallest

CACHED = 2**17
"""Doubles: one run of the graph has an intermediate [rows, points], which should stay in the processor's cache."""
LARGEST_INTERMEDIATE = 2**21
"""Doubles: how large it may be."""
FEW_ROWS, MOST_ROWS = 32, 256
"""A run of fewer rows reads the points too often."""


def rows_at_once(points: int) -> int:
    """How many rows one run of the graph should take at most."""
    in_cache, at_most = CACHED // points, LARGEST_INTERMEDIATE // points
    return max(1, min(MOST_ROWS, at_most, max(FEW_ROWS, in_cache)))


def nearest(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The `count` nearest points, the nearest first; which of equally far ones is left open."""
    return in_order(nearest_in_any_order(x, points, count, metric))


def nearest_in_any_order(x: Expr, points: Points, count: int, metric: Metric) -> Neighbours:
    """The same points, not sorted."""
    compared = compared_by(x, points._replace(ties=0), metric)
    if metric.differences and single_precision_ranks(points):
        return _chosen(_by_single_precision(compared, count, metric), count)
    if not multiplied(compared, metric):
        return _by_metric(compared, count, metric)
    spare = 0 if product_is_negligibly_off(compared.points) else SPARE_CANDIDATES
    return _chosen(by_product(compared, count + spare), count)


def _by_metric(compared: Compared, count: int, metric: Metric) -> Neighbours:
    """By the metric's own measures of all points."""
    rows = compared.points.rows
    every = metric.between(compared.x, compared.table, rows.shape[1])
    count = min(count, len(rows))
    size = group_size(count, len(rows))
    return of_all(compared, every, smallest(padded(every, -len(rows) % size), size, count)[1], count)


def _by_single_precision(compared: Compared, count: int, metric: Metric) -> Neighbours:
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

    def in_double(_: Expr, x: Expr, table: Expr) -> tuple[Expr, ...]:
        measures = metric.between(x, table, columns)
        return (smallest(padded(measures, -len(rows) % size), size, number)[1],)

    places = graph.either(gap.least() > 0.0, as_found, in_double, places, compared.x, compared.table)[0]
    return Neighbours(metric.of_differences(compared.differences(places)), places, compared.raw, number)


def _chosen(candidates: Neighbours, count: int) -> Neighbours:
    """The nearest of the candidates."""
    if candidates.number <= count:
        return candidates
    return least_of(candidates, candidates.measures, count)
