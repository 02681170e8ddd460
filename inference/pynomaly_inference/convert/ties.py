"""When two points are equally far from a row, so that the first is its neighbour: where rounding may be the difference.

A sum of squares is off by its last digits, whose order of summation is left open; and numbers that were scaled, or have
decimals, are off by their own last digit, which may be all of a small difference of large ones.
"""

import numpy as np

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.metrics import Metric

OF_NUMBERS = 2.0**-44
"""Of each number: a change this large may make equally far points of two. 512 times what rounding makes of one, so that
no points that rounding tells apart are near the limit."""
OF_MEASURES = 2.0**-32
"""Relative: measures farther apart than this are never equal, however large the numbers next to their differences."""
WORDS = (
    "whose distances are apart by less than 6e-14 of them and of the row's numbers added up, each 1 for metrics of "
    "shares and the unit vector's for `cosine`, and by less than 3e-10 of them"
)
"""The same, as users are told it."""
_LEAST = float(np.finfo(np.float64).tiny)


def stretch(rows: Expr, measures: Expr, metric: Metric, columns: int) -> Expr:
    """[n, 1]: a measure that is so many times one of these, or less, is equal to it.

    Of prepared rows, and of one measure [n, 1] each. A metric's `size` |a| bounds by what distance d is off when each
    number of a and b is off by a share: |a| + |b| times that, and |b| <= |a| + d.
    """
    graph, share = rows.graph, OF_NUMBERS * metric.degree
    distances = measures if metric.degree == 1 else measures ** (1 / metric.degree)
    sizes = metric.size(rows, columns) * share / graph.op("Max", distances, _LEAST)
    return graph.op("Min", sizes + (1 + share), 1 + OF_MEASURES * min(1.0, metric.degree))


def sides(measures: Expr, low: Expr, high: Expr) -> Expr:
    """float32: -1 below `low`, 1 above `high`, else 0."""
    graph = measures.graph
    below, equal, above = (np.array(side, np.float32) for side in (-1, 0, 1))
    return graph.where(measures > high, above, graph.where(measures.below(low), below, equal))
