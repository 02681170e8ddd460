"""Detectors made of detectors: what follows from the bases, and how their scores are combined."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Composite, Declaration, ExactReference, Matrix
from pynomaly_inference.convert.graph import Expr

BASE = {
    "type": "object",
    "format": "detector",
    "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
    "required": ["name"],
    "additionalProperties": False,
}
"""JSON Schema of a detector inside a resource's parameters; its own parameters are checked by its own schema."""

_FROM_STRONGEST = (Semantics.EXACT, Semantics.ROW, Semantics.FROZEN)


def composed(declaration: Declaration, composite: Composite, bases: Sequence[tuple[Declaration, Any]]) -> Declaration:
    """The declaration of a fitted composite of these bases.

    Its semantics is the weakest of its bases', its tolerance the widest, its chunk the smallest; it keeps training rows
    when one of them does, and where PyOD is inexact for one, its reference combines their references.
    """
    declared = [base for base, _ in bases]
    chunks = [chunk for base, fitted in bases if (chunk := base.chunk(fitted)) is not None]
    words = [base.reference.words for base, fitted in bases if base.reference and base.reference.applies(fitted)]

    def scores(detector: Any, X: Matrix) -> Any:
        return composite.scores(detector, X, lambda position, rows: declared[position].scores(bases[position][1], rows))

    return replace(
        declaration,
        semantics=max((declaration.semantics, *(base.semantics for base in declared)), key=_FROM_STRONGEST.index),
        keeps_training_rows=any(base.keeps_training_rows for base in declared),
        tolerance=max((declaration.tolerance, *(base.tolerance for base in declared))),
        chunk=lambda _detector: min(chunks, default=None),
        reference=ExactReference("; ".join(dict.fromkeys(words)), lambda _detector: True, scores) if words else None,
    )


def side_by_side(scores: Sequence[Expr]) -> Expr:
    """[n, scores]: one column a score."""
    return scores[0].graph.concat(*(score.unsqueeze(1) for score in scores), axis=1)


def median(scores: Expr, columns: int) -> Expr:
    """[n]: the middle of each row's values, or the mean of the middle two."""
    ordered, _ = scores.graph.smallest(scores, columns // 2 + 1)
    return ordered.columns(sorted({(columns - 1) // 2, columns // 2})).mean(axis=1)
