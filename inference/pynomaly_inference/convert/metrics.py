"""Distances as expressions, added up column by column: no product of matrices whose rounding could reach a score."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.graph import Expr, Operand, TensorProto

METRICS = (
    "minkowski",
    "euclidean",
    "l2",
    "manhattan",
    "cityblock",
    "l1",
    "chebyshev",
    "infinity",
    "canberra",
    "braycurtis",
    "hamming",
    "jaccard",
    "rogerstanimoto",
    "sokalmichener",
    "russellrao",
)
"""What both a tree and brute force of scikit-learn know."""
BRUTE_METRICS = ("sqeuclidean", "cosine")
"""What only its brute force knows."""
NO_DIRECTION = 10 * float(np.finfo(np.float64).eps)
"""scikit-learn takes the cosine of a shorter row to be 0, and of one whose square is infinite."""

Term = Callable[[Expr, Expr], Expr]
"""Of a value of a row and the value of a point in the same column."""


def _same(rows: Expr) -> Expr:
    return rows


def _columns(rows: Expr, columns: int) -> Expr:
    """Of a metric that adds up shares: each is off by what its numbers are."""
    return rows.graph.constant(float(columns))


def _sum_of_sizes(rows: Expr, _columns: int) -> Expr:
    """Of a norm of differences: none is larger than this one."""
    return rows.abs().sum(axis=1, keep=True)


def _infinite(rows: Expr, _columns: int) -> Expr:
    return rows.graph.constant(np.inf)


def _same_array(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A distance in parts, so that it is written for pairs of any shape.

    A distance is `root` of its `measure`, the number that ranks points: the total of one term a column, or what
    `measure_of` makes of the totals of several.
    """

    terms: tuple[Term, ...] = ()
    joined: str = "Add"
    """The operator that makes a total of a term's columns."""
    measure_of: Callable[..., Expr] = _same
    root: Callable[[Expr], Expr] = _same
    prepare: Callable[[Expr], Expr] = _same
    """Applied to rows, [n, columns], before anything else."""
    prepare_points: Callable[[Expr], Expr] | None = None
    """The same for points, where that is something else."""
    totals: Callable[[Expr, Expr, int], tuple[Expr, ...]] | None = None
    """The totals of prepared rows and points, [n, points] each, where adding up terms is not the fastest way."""
    prepare_array: Callable[[NDArray[np.float64]], NDArray[np.float64]] = _same_array
    """The same for points of a metric whose points a product of matrices may rank."""
    more_columns: int = 0
    """How many columns more a prepared row has."""
    euclidean: bool = False
    """True when the measure is the sum of the squared differences of prepared rows."""
    differences: bool = False
    """True when the measure is the sum or the greatest of the absolute differences."""
    explained: bool = False
    """True when the measure is a sum of one term a column of the rows themselves."""
    degree: float = 1.0
    """The measure is this power of a distance, of which `size` tells how far it may be off."""
    size: Callable[[Expr, int], Expr] = _columns
    """Of prepared rows and their columns, [n, 1]: how far it is off when each number is, relative to that share."""

    def prepared(self, points: Expr) -> Expr:
        """Points in the form that `between` takes."""
        return (self.prepare_points or self.prepare)(points)

    def between(self, rows: Expr, points: Expr, columns: int) -> Expr:
        """Double [n, points]: the measures of prepared rows and points, in one pass over the points a column."""
        if self.totals is not None:
            return self.measure_of(*self.totals(rows, points, columns))
        totals: list[Expr] = []
        for column in range(columns):
            row, point = rows.columns([column]), points.column(column)
            terms = [term(row, point) for term in self.terms]
            totals = [self._joined(*pair) for pair in zip(totals, terms, strict=True)] if totals else terms
        return self.measure_of(*totals)

    def of_differences(self, differences: Expr) -> Expr:
        """Of double [n, count, columns], the measures [n, count]; where `differences` holds."""
        sizes = differences.abs()
        return sizes.sum(axis=2) if self.joined == "Add" else sizes.max(axis=2)

    def _joined(self, total: Expr, term: Expr) -> Expr:
        return total.graph.op(self.joined, total, term)


def metric_of(name: str, p: float, columns: int) -> Metric:
    """A metric by scikit-learn's name; `p` is the power of `minkowski`."""
    if name in _NAMED:
        return _NAMED[name]
    if name == "hamming":
        return Metric(
            terms=(lambda a, b: _where_equal(a, b, 0.0, 1 / columns),),
            totals=lambda *pair: (_unequal(*pair) * (1 / columns),),
            explained=True,
        )
    if name == "russellrao":
        return Metric(
            totals=lambda rows, points, _columns: (rows @ points.transpose(),),
            prepare=_is_not_zero,
            measure_of=lambda both: (columns - both) * (1 / columns),
        )
    if name in {"rogerstanimoto", "sokalmichener"}:
        return Metric(
            totals=lambda *pair: _unequal_and_either(*pair)[:1],
            prepare=_is_not_zero,
            measure_of=lambda unequal: unequal * 2.0 / (unequal + columns),
        )
    if name != "minkowski":
        raise ValueError(f"unknown metric {name!r}")
    if p in (1.0, 2.0):
        return _MANHATTAN if p == 1 else _NAMED["euclidean"]
    return Metric(
        terms=(lambda a, b: (a - b).abs() ** p,),
        root=lambda total: total ** (1 / p),
        explained=True,
        degree=p,
        # Below 1 it is no norm: a column with a small difference counts the most.
        size=_sum_of_sizes if p > 1 else _infinite,
    )


def _difference(a: Expr, b: Expr) -> Expr:
    return (a - b).abs()


def _squared(a: Expr, b: Expr) -> Expr:
    return (a - b).square()


def _where_equal(a: Expr, b: Operand, yes: float, no: float) -> Expr:
    return a.graph.where(a.equals(b), yes, no)


def _share(part: Expr, whole: Expr) -> Expr:
    """0 where the whole is 0: the part is 0 too."""
    return part / part.graph.op("Max", whole, float(np.nextafter(0.0, 1.0)))


def _direction(rows: Expr, sign: float) -> Expr:
    """Rows of length 1; one without direction is at distance 1 from any row and any point, points out of the space."""
    graph = rows.graph
    length = rows.square().sum(axis=1, keep=True).sqrt()
    has_none = graph.op("Or", length.below(NO_DIRECTION), length.equals(np.inf))
    out = graph.where(has_none, np.array([[max(sign, 0.0), max(-sign, 0.0)]]), np.zeros((1, 2)))
    return graph.concat(graph.where(has_none, 0.0, rows / length), out, axis=1)


def directions(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1, and of zeros where a row has no direction."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
        has_none = (length < NO_DIRECTION) | np.isinf(length)
        return np.where(has_none, 0.0, rows / length)


def _directions(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `_direction` of points."""
    found = directions(points)
    has_none = ~found.any(axis=1, keepdims=True)
    return np.concatenate([found, np.zeros_like(found[:, :1]), has_none], axis=1)


def _is_not_zero(rows: Expr) -> Expr:
    return _where_equal(rows, 0.0, 0.0, 1.0)


def _unequal(rows: Expr, points: Expr, columns: int) -> Expr:
    """In how many columns they differ. Counted in single precision, exact up to 2 ** 24."""
    equal = [rows.columns([column]).equals(points.column(column)).cast(TensorProto.FLOAT) for column in range(columns)]
    return (rows.graph.constant(np.array(columns, np.float32)) - reduce(Expr.__add__, equal)).cast(TensorProto.DOUBLE)


def _differences_and_sizes(rows: Expr, points: Expr, columns: int) -> tuple[Expr, Expr]:
    differences = [_difference(rows.columns([column]), points.column(column)) for column in range(columns)]
    return reduce(Expr.__add__, differences), rows.abs().sum(axis=1, keep=True) + points.abs().sum(axis=1)


def _unequal_and_either(rows: Expr, points: Expr, _columns: int) -> tuple[Expr, Expr]:
    """Of zeros and ones: in how many columns they differ, and in how many one of them or both are 1; exact."""
    both = rows @ points.transpose()
    ones = rows.sum(axis=1, keep=True) + points.sum(axis=1)
    return ones - both * 2.0, ones - both


_MANHATTAN = Metric(terms=(_difference,), differences=True, explained=True, size=_sum_of_sizes)
_CHEBYSHEV = Metric(terms=(_difference,), joined="Max", differences=True, size=_sum_of_sizes)
_SQUARED = Metric(terms=(_squared,), euclidean=True, explained=True, degree=2.0, size=_sum_of_sizes)
_EUCLIDEAN = replace(_SQUARED, root=Expr.sqrt)
_NAMED = {
    "euclidean": _EUCLIDEAN,
    "l2": _EUCLIDEAN,
    "sqeuclidean": _SQUARED,
    "manhattan": _MANHATTAN,
    "cityblock": _MANHATTAN,
    "l1": _MANHATTAN,
    "chebyshev": _CHEBYSHEV,
    "infinity": _CHEBYSHEV,
    "canberra": Metric(terms=(lambda a, b: _share((a - b).abs(), a.abs() + b.abs()),), explained=True),
    "braycurtis": Metric(totals=_differences_and_sizes, measure_of=_share),
    # 1 - cos is half the squared distance of rows of length 1, without the cancellation.
    "cosine": replace(
        _SQUARED,
        root=lambda total: total * 0.5,
        prepare=lambda rows: _direction(rows, 1.0),
        prepare_points=lambda points: _direction(points, -1.0),
        prepare_array=_directions,
        more_columns=2,
        explained=False,
    ),
    "jaccard": Metric(
        totals=_unequal_and_either,
        prepare=_is_not_zero,
        measure_of=_share,
    ),
}
