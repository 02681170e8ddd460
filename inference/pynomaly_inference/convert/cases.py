"""Rows on which graph and reference are compared: ordinary ones, and those where graphs go wrong."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.convert.reference import Reference
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

ROWS = 128
"""Rows a case at most."""
ROWS_OF_SLOW_REFERENCE = 8
"""The same where each row costs the reference as much as a batch."""
FAR = {"20 sigma": 20.0, "10,000 sigma": 10_000.0}
MISSING_SHARE = 0.3
SEED = 0
SCALES = (1e-3, 1.0, 1e3)
"""Standard deviations of made rows: of what a column holds nothing is known."""
MADE_ROWS = 8
"""Made rows of each scale."""


def cases(
    reference: Reference, preprocessing: Preprocessing, training: Rows, held_out: Rows, seed: int
) -> dict[str, Rows]:
    """Named rows: held out, of the training, far away, constant, with missing values and unseen categories.

    Each is a seeded sample. `held_out` may be empty. Missing values and unseen categories only where the preprocessing
    has an answer to them.
    """
    random = np.random.default_rng(seed)
    limit = ROWS_OF_SLOW_REFERENCE if reference.row_by_row else ROWS
    ordinary = _sample(held_out if len(held_out) else training, limit, random)
    chosen = {"training rows": _sample(training, limit, random)}
    if len(held_out):
        chosen["held-out rows"] = ordinary
    spread = np.nanstd(training.numbers, axis=0)
    for name, sigmas in FAR.items():
        chosen[name] = replace(
            ordinary, numbers=ordinary.numbers + sigmas * spread * random.standard_normal(ordinary.numbers.shape)
        )
    chosen["constant rows"] = _constant(training, ordinary)
    if preprocessing.imputed is not None:
        chosen["missing values"] = replace(ordinary, numbers=_with_missing(ordinary.numbers, random))
    if ordinary.categories is not None:
        unseen = np.array([_unseen(levels) for levels in preprocessing.levels], object)
        chosen["unseen categories"] = replace(ordinary, categories=np.tile(unseen, (len(ordinary), 1)))
    return chosen


def made_cases(preprocessing: Preprocessing) -> dict[str, Rows]:
    """Named rows for a detector whose training rows are not there: normal ones of several scales, and zeros.

    Levels of categories are drawn, unseen ones included; missing values where the preprocessing has an answer to them.
    """
    random = np.random.default_rng(SEED)
    width = len(preprocessing.names(FeatureType.NUMBER))
    normal = {f"made rows of scale {scale:g}": scale * random.standard_normal((MADE_ROWS, width)) for scale in SCALES}
    chosen = {
        name: Rows(numbers, _drawn(preprocessing, len(numbers), random))
        for name, numbers in {**normal, "zeros": np.zeros((1, width))}.items()
    }
    if preprocessing.imputed is None:
        return chosen
    ordinary = chosen[f"made rows of scale {1:g}"]
    return {**chosen, "missing values": replace(ordinary, numbers=_with_missing(ordinary.numbers, random))}


def _drawn(preprocessing: Preprocessing, rows: int, random: np.random.Generator) -> NDArray[np.object_] | None:
    if not preprocessing.levels:
        return None
    columns = [random.choice([*levels, _unseen(levels)], rows).tolist() for levels in preprocessing.levels]
    return np.array(columns, object).T


def _sample(rows: Rows, limit: int, random: np.random.Generator) -> Rows:
    chosen = np.sort(random.permutation(len(rows))[:limit])
    return Rows(rows.numbers[chosen], None if rows.categories is None else rows.categories[chosen])


def _constant(training: Rows, ordinary: Rows) -> Rows:
    """One number in every column: zero, and the least, middle and greatest of each column's training values."""
    present = training.numbers
    numbers = np.stack(
        [np.zeros(present.shape[1]), *(np.nanquantile(present, level, axis=0) for level in (0.0, 0.5, 1.0))]
    )
    if ordinary.categories is None:
        return Rows(numbers)
    return Rows(numbers, np.repeat(ordinary.categories[:1], len(numbers), axis=0))


def _with_missing(numbers: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    missing = random.random(numbers.shape) < MISSING_SHARE
    missing[0] = True
    return np.where(missing, np.nan, numbers)


def _unseen(levels: tuple[str, ...]) -> str:
    word = "unseen"
    while word in levels:
        word += "_"
    return word
