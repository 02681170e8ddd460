"""Empirical cumulative distribution functions: Li et al., "ECOD", TKDE 2022."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.steps import Steps, below, step_sum
from pynomaly_inference.errors import NotConvertible

NEGLIGIBLE = 1e-9
"""Below this share of its terms, a third moment may be zero to rounding: PyOD's own arithmetic decides."""


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The sum over the columns of the larger tail of {training rows, x}, each tail -log(share of rows beyond x).

    PyOD has a third term, the tail on the side of the skewness: never larger than the larger tail, unless the skewness
    with x is exactly 0, where it is both tails' sum.
    """
    training = np.asarray(detector.X_train, np.float64)
    return step_sum(x, [_steps(column, training.shape[1]) for column in training.T])


def _steps(column: NDArray[np.float64], columns: int) -> Steps:
    ordered = np.sort(column)
    symmetric = _without_skewness(column, columns)
    points = np.unique(np.concatenate([ordered, symmetric]))
    until, before = np.searchsorted(ordered, points, "right"), np.searchsorted(ordered, points, "left")
    left, right = _tail(until, len(column)), _tail(len(column) - before, len(column))
    on_points = np.where(np.isin(points, symmetric), left + right, np.maximum(left, right))
    smaller = np.concatenate([[0], until])
    between = np.maximum(_tail(smaller, len(column)), _tail(len(column) - smaller, len(column)))
    edges = np.stack([below(points), points], axis=1).ravel()
    values = np.append(np.stack([between[:-1], on_points], axis=1).ravel(), between[-1])
    return Steps(edges, values)


def _tail(count: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
    """-log of the share of the training rows and x that are x or beyond, `count` of them training rows."""
    return -np.log((count + 1) / (rows + 1))


def _without_skewness(column: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """The values x for which PyOD finds a skewness of exactly 0 in {training rows, x}.

    The third central moment is a cubic in z = x - mean of the training rows; candidates are its roots and the training
    values where it is small. PyOD's own function decides, on a matrix of as many columns, since sums of one and of
    several columns round differently.
    """
    candidates = _candidates(column)
    if not len(candidates):
        return candidates
    from pyod.models.ecod import skew  # noqa: PLC0415 - loaded with the detector; declarations do without PyOD

    width = 1 if columns == 1 else max(2, len(candidates))
    found = []
    for part in np.split(candidates, range(width, len(candidates), width)):
        matrix = np.empty((len(column) + 1, width))
        matrix[:-1] = column[:, None]
        matrix[-1] = np.resize(part, width)
        with warnings.catch_warnings():
            # scipy warns of constant columns; their skewness counts as 0.
            warnings.simplefilter("ignore", RuntimeWarning)
            found.append(part[skew(matrix)[: len(part)] == 0])
    return np.concatenate(found)


def _candidates(column: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, mean = len(column), column.mean()
    with np.errstate(over="ignore", invalid="ignore"):
        second, third = ((column - mean) ** 2).sum(), ((column - mean) ** 3).sum()
    if not np.isfinite(third) or 0 < second < np.finfo(np.float64).tiny:
        raise NotConvertible(
            f"ECOD needs the skewness of a column from {column.min():g} to {column.max():g}, which doubles cannot "
            "hold: scale it"
        )
    cubic = np.array([rows * (rows - 1) / (rows + 1) ** 2, 0.0, -3 * second / (rows + 1), third])
    values = np.unique(column)
    size = np.polyval(np.abs(cubic), np.abs(values - mean))
    small = values[np.abs(np.polyval(cubic, values - mean)) <= NEGLIGIBLE * size]
    roots = np.roots(cubic)
    real = mean + roots[np.abs(roots.imag) <= NEGLIGIBLE * np.abs(roots)].real
    # A symmetric column has its root at a short number, which the computed root misses by rounding.
    digits = 12 - int(np.floor(np.log10(np.ptp(values)))) if len(values) > 1 else 12
    near = [real, below(real), np.nextafter(real, np.inf), np.round(real, digits)]
    return np.unique(np.concatenate([small, *near]))


DECLARATION = Declaration(
    name="ECOD",
    path="pyod.models.ecod.ECOD",
    semantics=Semantics.ROW,
    convert=convert,
    columns=lambda detector: int(detector.X_train.shape[1]),
    contributions=(
        "Each feature's term of the score: the larger of its two tails, -log of the share of training rows at least as "
        "low and at least as high (both tails added where PyOD finds a skewness of exactly 0). They sum to the score."
    ),
)
