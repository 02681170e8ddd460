"""Detectors made of detectors: what follows from the bases, and how their scores are combined."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import (
    ROUNDING,
    Composite,
    Declaration,
    ExactReference,
    Matrix,
    Rounding,
    Scores,
)
from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.errors import NotConvertible

BASE = {
    "type": "object",
    "format": "detector",
    "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
    "required": ["name"],
    "additionalProperties": False,
}
"""JSON Schema of a detector inside a resource's parameters; its own parameters are checked by its own schema."""

_FROM_STRONGEST = (Semantics.EXACT, Semantics.ROW, Semantics.FROZEN)
_ROUNDINGS_APART = 10
"""Roundings that a base's training scores must vary by, to say more than rounding does."""
_NEGLIGIBLE = 1e-11
"""Of the deviation of the training scores: rounding that no tolerance notices once they are standardised."""
_LARGEST = 1e300
"""Infinite rounding, for libraries that refuse infinity."""

Bases = Sequence[tuple[Declaration, Any]]
"""Fitted detectors, each after its declaration."""


def composed(declaration: Declaration, detector: Any, bases: Bases) -> Declaration:
    """The declaration of a fitted composite of these bases.

    Its semantics is the weakest of its bases', its tolerance the widest, its chunk the smallest; it keeps training rows
    when one of them does, and where PyOD is inexact for one, its reference combines their references. Raises
    NotConvertible when a base's training scores vary by rounding only.
    """
    composite = declaration.composite
    if composite is None:
        return declaration
    for place, (base, fitted) in enumerate(bases, start=1):
        _check_scores_vary(f"base {place} of the {declaration.name}", base, fitted)
    declared = [base for base, _ in bases]
    chunks = [chunk for base, fitted in bases if (chunk := base.chunk(fitted)) is not None]
    words = [base.reference.words for base, fitted in bases if base.reference and base.reference.applies(fitted)]

    def scores(detector: Any, X: Matrix) -> Scores:
        return composite.scores(detector, X, lambda position, rows: declared[position].scores(bases[position][1], rows))

    return replace(
        declaration,
        semantics=weakest([declaration.semantics, *(base.semantics for base in declared)]),
        keeps_training_rows=any(base.keeps_training_rows for base in declared),
        tolerance=max((declaration.tolerance, *(base.tolerance for base in declared))),
        chunk=lambda _detector: min(chunks, default=None),
        reference=ExactReference("; ".join(dict.fromkeys(words)), lambda _detector: True, scores) if words else None,
        rounding=_rounding(declaration, composite, detector, bases),
    )


def weakest(semantics: Iterable[Semantics]) -> Semantics:
    """What all of them promise."""
    return max(semantics, key=_FROM_STRONGEST.index)


def _check_scores_vary(where: str, base: Declaration, fitted: Any) -> None:
    if base.rounding is None:
        return
    if np.std(fitted.decision_scores_) < _ROUNDINGS_APART * base.rounding.around_training(fitted):
        raise NotConvertible(
            f"{where}: the training scores of the {base.name} vary by rounding only, and say nothing that could be "
            "combined with other scores: change its parameters, or choose another detector"
        )


@dataclass(frozen=True, slots=True)
class _CombinedRounding(Rounding):
    """Of a composite, as its bases' rounding becomes when their scores are combined."""

    around: float

    def around_training(self, detector: Any) -> float:  # noqa: ARG002 - the signature of every rounding
        """That of scores whose bases' are off by theirs."""
        return self.around


def _rounding(declaration: Declaration, composite: Composite, detector: Any, bases: Bases) -> Rounding | None:
    """From the combination of the highest and of the lowest scores that the bases may have."""
    if not composite.monotone or not any(_shows(*base) for base in bases):
        return None

    def off(by: float, X: Matrix) -> Scores:
        return composite.scores(detector, X, lambda place, rows: _off(*bases[place], rows, by))

    def around(by: float) -> float:
        nowhere = np.zeros((1, declaration.columns(detector)))
        scores = composite.scores(detector, nowhere, lambda place, _rows: np.full(1, by * _around(*bases[place])))
        return float(scores[0])

    return _CombinedRounding(
        lambda _detector, X: (off(1.0, X) - off(-1.0, X)) / ROUNDING,
        "the bases' scores",
        lambda _detector: np.zeros((0, declaration.columns(detector))),
        around(1.0) - around(-1.0),
    )


def _shows(base: Declaration, fitted: Any) -> bool:
    """Do scores differ by so little, next to their size, that standardising them magnifies their last digits?"""
    return base.rounding is not None or _around(base, fitted) > _NEGLIGIBLE * np.std(fitted.decision_scores_)


def _around(base: Declaration, fitted: Any) -> float:
    """How far off the base's scores may be, for rows of the training and around it."""
    own = 0.0 if base.rounding is None else base.rounding.around_training(fitted)
    return own + ROUNDING * float(np.median(np.abs(fitted.decision_scores_)))


def _off(base: Declaration, fitted: Any, X: Matrix, by: float) -> Scores:
    """The base's scores, off by their rounding."""
    scores = base.scores(fitted, X)
    own = 0.0 if base.rounding is None else base.rounding.of(fitted, X)
    return scores + by * np.minimum(own + ROUNDING * np.abs(scores), _LARGEST)


def side_by_side(scores: Sequence[Expr]) -> Expr:
    """[n, scores]: one column a score."""
    return scores[0].graph.concat(*(score.unsqueeze(1) for score in scores), axis=1)


def median(scores: Expr, columns: int) -> Expr:
    """[n]: the middle of each row's values, or the mean of the middle two."""
    ordered, _ = scores.graph.smallest(scores, columns // 2 + 1)
    return ordered.columns(sorted({(columns - 1) // 2, columns // 2})).mean(axis=1)
