"""Quasi-Monte Carlo discrepancy: Fang and Ma, "Wrap-around L2-discrepancy", Journal of Complexity 2001.

PyOD compiles its loops. It is slower for one row and faster for many, since a graph passes over its intermediates six
times a column: on 1,000 training rows of 10 columns 2 times as fast from 64 rows on, and 5 times from 1,000.
"""

from typing import Any

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph

IN_CACHE = 2**15
"""Doubles: an intermediate [rows, training rows] of so many stays in the processor's nearest caches."""


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean over the training rows y of the product over the columns of 3/2 - z + z^2, z = |x - y|, by their number.

    Columns are scaled to the training rows' range. 3/2 - z + z^2 is (z - 1/2)^2 + 5/4.
    """
    scaler, rows = detector._scaler, detector._fitted_data  # noqa: SLF001 - published nowhere else
    scaled = x * scaler.scale_ + scaler.min_
    product: Expr | None = None
    for column in range(rows.shape[1]):
        centred = (scaled.columns([column]) - rows[:, column]).abs() - 0.5
        term = centred.square() + 1.25
        product = term if product is None else product * term
    if product is None:
        raise ValueError("a detector has columns")
    score = product.sum(axis=1) * (1 / len(rows) ** 2) - float((4 / 3) ** rows.shape[1])
    if not detector._is_flipped:  # noqa: SLF001 - as above
        return Conversion(score)
    training = detector.decision_scores_
    return Conversion(-score + float(training.max() + training.min()))


def _rows_at_once(detector: Any) -> int:
    return max(1, min(256, IN_CACHE // len(detector._fitted_data)))  # noqa: SLF001 - as above


DECLARATION = Declaration(
    name="QMCD",
    path="pyod.models.qmcd.QMCD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector._scaler.n_features_in_),  # noqa: SLF001 - as above
    keeps_training_rows=True,
    chunk=_rows_at_once,
)
