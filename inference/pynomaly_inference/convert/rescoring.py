"""Training scores that are those that are served, where PyOD draws its own."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Composite, Matrix, Scores
from pynomaly_inference.convert.discovery import declaration_of


def rescore(detector: Any, X: Matrix) -> None:
    """Replaces in place what a fitted detector of `frozen` semantics learned of its training scores.

    X are its training rows. Bases first, then the standardiser of a composite; then its scores, its threshold and what
    its probabilities are made of. Any other detector stays as it is, and so does one that learned the label: no base of
    it draws.
    """
    declaration = declaration_of(detector)
    if declaration.semantics is not Semantics.FROZEN or declaration.reads_label:
        return
    if declaration.composite is None:
        detector.decision_scores_ = declaration.scores(detector, X)
    else:
        detector.decision_scores_ = _combined(detector, declaration.composite, X)
    detector._process_decision_scores()  # noqa: SLF001 - PyOD's own step from scores to threshold


def _combined(detector: Any, composite: Composite, X: Matrix) -> Scores:
    bases = composite.bases(detector)

    def rescored(place: int, rows: Matrix) -> Scores:
        rescore(bases[place], rows)
        return trained(place, rows)

    def trained(place: int, _rows: Matrix) -> Scores:
        return np.asarray(bases[place].decision_scores_, np.float64)

    composite.scores(detector, X, rescored)
    composite.standardise(detector, X, trained)
    return composite.scores(detector, X, trained)
