"""What a graph must say: PyOD's scores, or exact ones where PyOD's are not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
    rounding: Callable[[Rows], Scores] | None = None
    """By row: how inexact PyOD's own sums are, beside the tolerance; None where it never shows."""


def reference_of(detector: Any, preprocessing: Preprocessing) -> Reference:
    """The reference of a fitted detector behind its preprocessing; raises NotConvertible as `to_onnx` does."""
    declaration = declaration_of(detector)
    rounding = declaration.rounding
    return Reference(
        _words(detector),
        lambda rows: reference_scores(detector, preprocessing.transform(rows)),
        declaration.threshold(detector),
        score_scale(detector),
        declaration.tolerance,
        declaration.chunk(detector),
        declaration.semantics is Semantics.ROW,
        None if rounding is None else lambda rows: rounding.of(detector, preprocessing.transform(rows)),
    )


def reference_scores(detector: Any, X: Matrix) -> Scores:
    """What the graph must score preprocessed rows: PyOD's `decision_function`, of each row alone for `row` semantics.

    Where the detector declares that PyOD is inexact, the exact reference of its declaration.
    """
    return declaration_of(detector).scores(detector, X)


def _words(detector: Any) -> str:
    declaration = declaration_of(detector)
    if declaration.reference is not None and declaration.reference.applies(detector):
        return declaration.reference.words
    if declaration.semantics is Semantics.ROW:
        return "PyOD's decision_function of each row alone"
    return "PyOD's decision_function"
