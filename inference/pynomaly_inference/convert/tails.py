"""Both tails of a row among the training rows, column by column, as ECOD and COPOD take them of a row alone."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.declaration import Matrix
from pynomaly_inference.convert.steps import Steps, below
from pynomaly_inference.errors import NotConvertible

NEGLIGIBLE = 1e-9
"""Below this share of its terms, the sign of a third moment may be rounding's: PyOD's own arithmetic decides."""
EPSILON = float(np.finfo(np.float64).eps)
MATRIX = 2**20
"""Doubles of a matrix that PyOD's function is called on."""

Values = NDArray[np.float64]


class Tails(NamedTuple):
    """Of {training values of a column, x}, for each interval of x between two edges."""

    left: Values
    """-log(share of values <= x)."""
    right: Values
    """-log(share of values >= x)."""
    skewness: Values
    """The sign of the skewness as PyOD computes it: -1, 0 or 1."""


def tail_steps(training: Any, term: Callable[[Tails], Values]) -> list[Steps]:
    """A column's term of the score as a function of the row's value, for each column of the training rows.

    The tails change at the training values, the sign of the skewness also at the roots of the third central moment of
    {training values, x}: a cubic in x. Raises NotConvertible where doubles cannot hold that moment.
    """
    rows = np.asarray(training, np.float64)
    return [_steps(column, rows, term) for column in rows.T]


def _steps(column: Values, like: Matrix, term: Callable[[Tails], Values]) -> Steps:
    moment = _ThirdMoment(column, like)
    ordered, rows = np.sort(column), len(column)
    points = np.unique(np.concatenate([ordered, moment.roots()]))
    reach = float(np.ptp(points)) or 1.0
    ends = [
        min(points[0] - reach, np.nextafter(points[0], -np.inf)),
        max(points[-1] + reach, np.nextafter(points[-1], np.inf)),
    ]
    # By turns: an x between two points, and a point alone.
    x = np.empty(2 * len(points) + 1)
    x[1::2], x[0], x[2:-1:2], x[-1] = points, ends[0], (points[:-1] + points[1:]) / 2, ends[1]
    until, before = np.searchsorted(ordered, x, "right"), np.searchsorted(ordered, x, "left")
    tails = Tails(_tail(until, rows), _tail(rows - before, rows), moment.signs(x))
    return Steps(np.stack([below(points), points], axis=1).ravel(), term(tails))


def _tail(count: NDArray[np.int64], rows: int) -> Values:
    """-log of the share of the training rows and x that are x or beyond, `count` of them training rows."""
    tails: Values = -np.log((count + 1) / (rows + 1))
    return tails


class _ThirdMoment:
    """The third central moment of {training values, x}, up to a factor: a cubic in z = x - mean of the former."""

    def __init__(self, column: Values, like: Matrix) -> None:
        rows = len(column)
        self._column, self._like = column, like
        constant = column.min() == column.max()
        self._mean = float(column[0] if constant else column.mean())
        with np.errstate(over="ignore", invalid="ignore"):
            second, third = ((column - self._mean) ** 2).sum(), ((column - self._mean) ** 3).sum()
            cubes = (np.abs(column - self._mean) ** 3).sum()
        if not np.isfinite(cubes) or 0 < second < np.finfo(np.float64).tiny:
            raise NotConvertible(
                f"the detector needs the skewness of a column from {column.min():g} to {column.max():g}, which doubles "
                "cannot hold: scale it"
            )
        self._cubic = np.array([rows * (rows - 1) / (rows + 1) ** 2, 0.0, -3 * second / (rows + 1), third])
        # What an error of the mean's last digit does, in the units of `NEGLIGIBLE`.
        of_mean = 3 * second * np.sqrt(rows) * EPSILON * abs(self._mean) / NEGLIGIBLE
        self._sizes = np.array([self._cubic[0], 0.0, -self._cubic[2], cubes + of_mean])
        # SciPy takes a deviation up to 1e-15 of the mean for none; a mean's rounding, cubed, counts for every row.
        reach = max(2e-15 * np.sqrt(rows + 1), EPSILON * rows ** (4 / 3)) * abs(self._mean)
        self._constant = reach if constant else 0.0

    def roots(self) -> Values:
        """Where the sign may change, with the doubles next to them."""
        roots = np.roots(self._cubic)
        real = self._mean + roots[np.abs(roots.imag) <= NEGLIGIBLE * np.abs(roots)].real
        # A symmetric column has its root at a short number, which the computed root misses by rounding.
        spread = float(np.ptp(self._column))
        digits = 12 - int(np.floor(np.log10(spread))) if spread else 12
        ends = np.concatenate([self._constant_until(), self._mean + self._constant * np.array([-1.0, 1.0])])
        return np.unique(np.concatenate([real, below(real), np.nextafter(real, np.inf), np.round(real, digits), ends]))

    def signs(self, x: Values) -> Values:
        """The sign of PyOD's skewness for each x."""
        z = x - self._mean
        values = np.polyval(self._cubic, z)
        unsure = np.abs(values) <= NEGLIGIBLE * np.polyval(self._sizes, np.abs(z))
        unsure |= np.abs(z) <= self._constant
        signs: Values = np.sign(values)
        signs[unsure] = self._of_pyod(x[unsure])
        return signs

    def _constant_until(self) -> Values:
        """Where PyOD's skewness begins to be a constant column's: on either side, by halving."""
        if not self._constant:
            return np.array([])
        return np.array([self._begin(-1.0), self._begin(1.0)])

    def _begin(self, sign: float) -> float:
        inside, outside = self._mean, self._mean + sign * self._constant
        while (middle := (inside + outside) / 2) not in (inside, outside):
            inside, outside = (inside, middle) if self._of_pyod(np.array([middle]))[0] == sign else (middle, outside)
        return inside

    def _of_pyod(self, x: Values) -> Values:
        """By PyOD's own function, on a matrix laid out as its own: sums of one and of several round differently."""
        if not len(x):
            return x
        from pyod.models.ecod import skew  # noqa: PLC0415 - loaded with the detector; declarations do without PyOD

        width = 1 if self._like.shape[1] == 1 else max(2, min(len(x), MATRIX // len(self._column)))
        matrix = np.empty((len(self._column) + 1, width), order="F" if np.isfortran(self._like) else "C")
        matrix[:-1] = self._column[:, None]
        found = []
        for part in np.split(x, range(width, len(x), width)):
            matrix[-1] = np.resize(part, width)
            with warnings.catch_warnings():
                # SciPy warns of constant columns; their skewness counts as 0.
                warnings.simplefilter("ignore", RuntimeWarning)
                found.append(np.sign(skew(matrix)[: len(part)]))
        return np.concatenate(found)
