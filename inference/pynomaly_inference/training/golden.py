"""Synthetic rows that a server must score as PyOD did before it is ready."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import QUANTILE_LEVELS
from pynomaly_inference.scoring.rows import Rows

GOLDEN_ROWS = 32
BEYOND = 8
"""How many of the golden rows lie outside the training range."""
MISSING_EVERY = 7
"""Distance of the rows that lack a value, where values may be missing."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the training rows look like, without any of them.

    quantiles: float64 [levels, numbers] at `QUANTILE_LEVELS`. levels: one tuple a Category.
    """

    quantiles: NDArray[np.float64]
    levels: tuple[tuple[str, ...], ...]


def profile(rows: Rows, levels: tuple[tuple[str, ...], ...]) -> Profile:
    """The profile of training rows; missing values are left out."""
    return Profile(np.nanquantile(rows.numbers, QUANTILE_LEVELS, axis=0), levels)


def golden_rows(shape: Profile, seed: int, *, missing: bool) -> Rows:
    """`GOLDEN_ROWS` rows drawn between the training quantiles, the last `BEYOND` of them outside the training range.

    With `missing` every seventh row lacks one Number; with categories the rows beyond have a level never seen.
    """
    random = np.random.default_rng(seed)
    numbers = _between(shape.quantiles, GOLDEN_ROWS - BEYOND, random)
    numbers = np.concatenate([numbers, _outside(shape.quantiles, BEYOND, random)])
    if missing:
        for row in range(0, GOLDEN_ROWS, MISSING_EVERY):
            numbers[row, row % numbers.shape[1]] = np.nan
    return Rows(np.ascontiguousarray(numbers), _levels(shape.levels, random))


def _between(quantiles: NDArray[np.float64], rows: int, random: np.random.Generator) -> NDArray[np.float64]:
    interval = random.integers(0, len(quantiles) - 1, (rows, quantiles.shape[1]))
    column = np.arange(quantiles.shape[1])
    low, high = quantiles[interval, column], quantiles[interval + 1, column]
    return np.minimum(low + (high - low) * random.random((rows, quantiles.shape[1])), high)


def _outside(quantiles: NDArray[np.float64], rows: int, random: np.random.Generator) -> NDArray[np.float64]:
    low, high = quantiles[0], quantiles[-1]
    width = np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
    # A range of a few roundings' width must be left all the same.
    least = 4 * np.spacing(np.maximum(np.abs(low), np.abs(high)))
    distance = np.maximum(width * random.uniform(0.01, 3.0, (rows, len(low))), least)
    below = random.integers(0, 2, (rows, len(low))) == 0
    outside: NDArray[np.float64] = np.where(below, low - distance, high + distance)
    return outside


def _levels(levels: tuple[tuple[str, ...], ...], random: np.random.Generator) -> NDArray[np.object_] | None:
    if not levels:
        return None
    drawn = np.empty((GOLDEN_ROWS, len(levels)), object)
    for column, known in enumerate(levels):
        drawn[:, column] = [known[index] for index in random.integers(0, len(known), GOLDEN_ROWS)]
        drawn[-BEYOND:, column] = _unseen(known)
    return drawn


def _unseen(known: tuple[str, ...]) -> str:
    word = "unseen"
    while word in known:
        word += "_"
    return word
