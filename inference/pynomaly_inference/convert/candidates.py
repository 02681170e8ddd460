"""Points compared with rows, and the nearest of them, by a metric's own measures or by a product of matrices."""

from typing import NamedTuple

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.metrics import Metric
from pynomaly_inference.convert.ranking import MOST_TIES, Points, centre, is_whole, product_ranks, products
from pynomaly_inference.convert.selection import group_size, smallest
from pynomaly_inference.convert.ties import stretch

SPARE_CANDIDATES = 4
"""Selected beside the neighbours asked for: rounding in the product may swap points at almost the same distance, and
some of these may be equal to so many digits."""
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


class Compared(NamedTuple):
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

    def in_branch(self, x: Expr, table: Expr) -> "Compared":
        """The same, of these values as a branch of the graph sees them."""
        return self._replace(x=x, table=table)

    def differences(self, places: Expr) -> Expr:
        """Double [n, count, columns]: these points less their row."""
        return self.x.graph.gather(self.table, places) - self.x.unsqueeze(1)

    def squares(self, places: Expr) -> Expr:
        """Double [n, count]: the squared distances of these points."""
        return self.differences(places).square().sum(axis=2)


def compared_by(x: Expr, points: Points, metric: Metric) -> Compared:
    """Rows and points as the metric compares them."""
    raw, rows = x.graph.constant(points.rows), metric.prepare_array(points.rows)
    return Compared(metric.prepare(x), metric.prepared(raw), points._replace(rows=rows), raw)


def multiplied(compared: Compared, metric: Metric) -> bool:
    """True where a product of matrices ranks the points, and takes less time than subtracting them."""
    points = compared.points
    if not metric.euclidean or len(points.rows) < SUBTRACTED_BELOW or not product_ranks(points):
        return False
    return points.ties < MOST_TIES or points.rows.shape[1] > FEW_COLUMNS or is_whole(points.rows)


def in_order(found: Neighbours) -> Neighbours:
    """The same neighbours, the nearest first."""
    graph, count = found.places.graph, found.number
    measures, order = graph.smallest(found.measures, count)
    return found._replace(measures=measures, places=graph.op("GatherElements", found.places, order, axis=1))


def of_all(compared: Compared, every: Expr, places: Expr, number: int) -> Neighbours:
    """The points at these places, of whose measures `every` has all."""
    return Neighbours(every.graph.op("GatherElements", every, places, axis=1), places, compared.raw, number)


def by_product(compared: Compared, count: int) -> Neighbours:
    """By a product of matrices; of equal products the first where points are tied."""
    rows = compared.points.rows
    count = min(count, len(rows))
    size = 1 if compared.points.ties else group_size(count, len(rows))
    ranks = products(compared.x - centre(rows), compared.table, rows, -len(rows) % size)
    return measured(compared, smallest(ranks, size, count)[1], count)


def measured(compared: Compared, places: Expr, number: int) -> Neighbours:
    """By squared distances, of subtraction."""
    return Neighbours(compared.squares(places), places, compared.raw, number)


def least_of(candidates: Neighbours, ranks: Expr, count: int) -> Neighbours:
    """The candidates with the smallest ranks."""
    graph = ranks.graph
    order = graph.smallest(ranks, count, ordered=False)[1]
    measures, places = (
        graph.op("GatherElements", values, order, axis=1) for values in (candidates.measures, candidates.places)
    )
    return Neighbours(measures, places, candidates.table, count)


def as_found(places: Expr, *_: Expr) -> tuple[Expr, ...]:
    """The way of a graph's `either` that leaves what was found."""
    return (places,)
