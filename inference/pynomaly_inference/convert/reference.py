"""What a graph must say: PyOD's scores, or exact ones where PyOD's are not."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Matrix, Scores
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.convert.finish import score_scale
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.scoring.rows import Rows


@dataclass(frozen=True, slots=True)
class Reference:
    """What a graph is compared with."""

    words: str
    """For the parity report, in words a user understands."""
    scores: Callable[[Rows], Scores]
    threshold: float
    scale: float
    """The median of |training score|; see `bundle.tolerance`."""
    relative: float
    """The relative tolerance; see `bundle.tolerance`."""
    chunk: int | None
    """Rows that a server gives to one run of the graph at most."""
    row_by_row: bool
    """True when scoring takes as long for one row as for many: compare few."""


def reference_of(detector: Any, preprocessing: Preprocessing) -> Reference:
    """The reference of a fitted detector behind its preprocessing; raises NotConvertible as `to_onnx` does."""
    declaration = declaration_of(detector)
    return Reference(
        _words(detector),
        lambda rows: reference_scores(detector, preprocessing.transform(rows)),
        float(detector.threshold_),
        score_scale(detector),
        declaration.tolerance,
        declaration.chunk(detector),
        declaration.semantics is Semantics.ROW,
    )


def reference_scores(detector: Any, X: Matrix) -> Scores:
    """What the graph must score preprocessed rows: PyOD's `decision_function`, of each row alone for `row` semantics.

    Where the detector declares that PyOD is inexact, the exact reference of its declaration.
    """
    declaration = declaration_of(detector)
    with warnings.catch_warnings():
        # Overflow and precision are the scores' business: they are compared, infinities included.
        warnings.simplefilter("ignore", RuntimeWarning)
        if declaration.reference is not None and declaration.reference.applies(detector):
            return declaration.reference.scores(detector, X)
        if declaration.semantics is Semantics.ROW:
            return np.array([float(detector.decision_function(row[None])[0]) for row in X])
        return np.asarray(detector.decision_function(X), np.float64)


def _words(detector: Any) -> str:
    declaration = declaration_of(detector)
    if declaration.reference is not None and declaration.reference.applies(detector):
        return declaration.reference.words
    if declaration.semantics is Semantics.ROW:
        return "PyOD's decision_function of each row alone"
    return "PyOD's decision_function"
