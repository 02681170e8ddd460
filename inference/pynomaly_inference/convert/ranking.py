"""Points ranked by a product of matrices, |x|^2 - 2xy + |y|^2 of centred rows, and when its rounding does not show.

A product only selects points; what reaches a score is computed by subtraction.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.products import NEGLIGIBLE, rounding

SAFETY = 100.0
"""How many times a point's distance to its neighbours must exceed the product's rounding there."""
LARGEST_WHOLE = 2.0**20
"""Whole numbers up to this have exact products and squares, and so have their sums over a thousand columns."""
MOST_TIES = 12
"""More than so many equally far points are not counted."""
ONCE_IN = 1000
"""Single precision ranks points when for no more than one row in so many it could not."""
RANKED_BY_SINGLE = 512
"""Points from which it pays."""
SMALLEST_SINGLE = 1e-37
"""Rounding of numbers below is not relative."""
LARGEST_SINGLE = 1e30
"""Sums of differences up to this are finite in single precision."""


class Points(NamedTuple):
    """The points among which neighbours are looked for."""

    rows: NDArray[np.float64]
    """[points, columns]."""
    spacing: NDArray[np.float64]
    """[points]: how far each point's own neighbours are."""
    ties: int = 0
    """How many points beside them are as far from a point as its last neighbour; `MOST_TIES` at most."""


def product_ranks(points: Points) -> bool:
    """True when a matrix product finds the nearest points, and of equally far ones the first where that counts."""
    return product_tells_apart(points) and (not points.ties or product_tells_ties(points) or is_whole(points.rows))


def product_tells_apart(points: Points) -> bool:
    """False when neighbours are so close, next to the whole, that a product's rounding would choose the wrong ones.

    |x|^2 - 2xy + |y|^2 of d columns is off by at most about 2 (d + 4) eps |x|^2 near x. Which of several duplicates is
    chosen does not matter, but that it is one of them does: there the nearest other point counts.
    """
    return bool(np.all(_to_others(points) > SAFETY * np.sqrt(2 * _rounding(points))))


def product_tells_ties(points: Points) -> bool:
    """True when points that `margin` takes for equally far are, but for what is as rare as a chance.

    As `product_is_negligibly_off`, but that duplicates are equally far from any row whatever the rounding.
    """
    return _is_negligible_at(points, _to_others(points))


def product_is_negligibly_off(points: Points) -> bool:
    """True when a point that a product's rounding takes for a neighbour is as near, but for what is `NEGLIGIBLE`.

    A row that `count` + 1 points are equally near to has one of them whose own spacing is at most twice that far; it
    is then at most twice as long as that point, or far from it next to the rounding.
    """
    return _is_negligible_at(points, points.spacing)


def is_whole(rows: NDArray[np.float64]) -> bool:
    """True when products of the rows are exact."""
    return bool(np.all(rows == np.rint(rows)) and np.abs(rows).max() <= LARGEST_WHOLE)


def centre(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Near the mean; whole among whole numbers, whose product is then exact."""
    mean: NDArray[np.float64] = rows.mean(axis=0)
    return np.rint(mean) if is_whole(rows) else mean


def products(centred: Expr, table: Expr, rows: NDArray[np.float64], padding: int) -> Expr:
    """[n, points + padding]: squared distances less each row's own square, infinite for the padding.

    Of rows less the `centre` of the points. The weights are expressions of the points, so the file holds the points
    once; ONNX Runtime computes them at load.
    """
    graph, columns = centred.graph, rows.shape[1]
    centred_points = table - centre(rows)
    weights = graph.concat(centred_points * -2.0, centred_points.square().sum(axis=1, keep=True), axis=1)
    if padding:
        infinite = np.zeros((padding, columns + 1))
        infinite[:, -1] = np.inf
        weights = graph.concat(weights, infinite, axis=0)
    with_one = graph.op("Pad", centred, np.array([0, 0, 0, 1]), 1.0)
    return with_one @ weights.transpose()


def squares(centred: Expr, product: Expr) -> Expr:
    """[n, k]: squared distances of centred rows, of their products with k points."""
    return centred.graph.op("Max", product + centred.square().sum(axis=1, keep=True), 0.0)


def margin(centred: Expr, square: Expr, stretch: Expr, columns: int) -> Expr:
    """[n, 1], above 0: how far the products of points may be apart that are equally far from a row.

    Of centred rows, the `squares` of one such point, and how much `ties.stretch` stretches them; the point's centred
    length is at most the row's and the distance.
    """
    rounded = float(4 * rounding(columns, np.array(1.0)))
    apart = square * ((stretch - 1.0) * 2.0 + rounded) + centred.square().sum(axis=1, keep=True) * rounded
    # Not added: ONNX Runtime drops an addend so small.
    return centred.graph.op("Max", apart, float(np.finfo(np.float64).tiny))


def single_precision_ranks(points: Points) -> bool:
    """True when single precision almost always tells the nearest points from the next, by sums of differences."""
    if points.ties or len(points.rows) < RANKED_BY_SINGLE:
        return False
    lengths = np.abs(points.rows - centre(points.rows)).sum(axis=1)
    unclear = points.spacing < SAFETY * _of_single(points.rows.shape[1]) * lengths
    return bool(np.mean(unclear) < 1 / ONCE_IN and lengths.max() < LARGEST_SINGLE)


def verified_gap(centred: Expr, last: Expr, kth: Expr, columns: int) -> Expr:
    """[n, 1], above 0 where every point is farther than `kth` that is not ranked before `last` in single precision.

    A centred point b is at |a - b|, the sum or the greatest of the columns' differences, of a row a. Both are rounded
    to single precision, their differences and their sum too: all that is off by less than u (|a| + |b|) with
    u = (columns + 4) / 2 ** 24 and the columns' sum |.|, in which |b| <= |a| + columns |a - b|.
    """
    length, off = centred.abs().sum(axis=1, keep=True), _of_single(columns)
    least = (last - length * (2 * off) - SMALLEST_SINGLE * columns) / np.array(1 + columns * off)
    return centred.graph.op("Min", least - kth, LARGEST_SINGLE - length)


def _is_negligible_at(points: Points, spacing: NDArray[np.float64]) -> bool:
    return bool(np.all(2 * _rounding(points) * 4 <= NEGLIGIBLE * (spacing / 2) ** 2))


def _of_single(columns: int) -> float:
    return (columns + 4) * 2.0**-24


def _to_others(points: Points) -> NDArray[np.float64]:
    """[points]: the spacing; where that is 0, how far the nearest point is that is no duplicate."""
    found = points.spacing.copy()
    duplicated = found == 0
    if duplicated.any():
        distinct = cKDTree(np.unique(points.rows, axis=0))
        found[duplicated] = distinct.query(points.rows[duplicated], k=[2])[0][:, 0]
    return found


def _rounding(points: Points) -> NDArray[np.float64]:
    centred = points.rows - centre(points.rows)
    return rounding(centred.shape[1], (centred**2).sum(axis=1))
