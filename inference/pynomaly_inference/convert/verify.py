"""Proves that a graph scores as its reference does, before it becomes a file."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from pynomaly_inference.bundle import Parity, ParityCase, tolerance
from pynomaly_inference.convert.declaration import Scores
from pynomaly_inference.convert.reference import Reference
from pynomaly_inference.errors import ParityFailed
from pynomaly_inference.scoring.rows import Rows

SINGLE_ROWS = 4
"""Rows of each case that are also scored alone."""
PIECES = 3
"""Pieces that a case is scored in where the server would not cut it."""

Answer = tuple[Scores, NDArray[np.int64]]


def verify(model: onnx.ModelProto, reference: Reference, cases: Mapping[str, Rows]) -> Parity:
    """Scores each case in one run, in chunks and row by row, and compares scores and labels with the reference.

    Raises ParityFailed at the first case that leaves the tolerance, saying which row, which scores and how far.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    compared = {name: _compare(name, session, reference, rows) for name, rows in cases.items() if len(rows)}
    return Parity(
        reference=reference.words,
        tolerance=reference.relative,
        cases={name: case for name, (case, _) in compared.items()},
        rows_within_threshold_band=sum(ties for _, ties in compared.values()),
    )


def _compare(name: str, session: ort.InferenceSession, reference: Reference, rows: Rows) -> tuple[ParityCase, int]:
    theirs = reference.scores(rows)
    allowed = np.array([_allowed(reference, score) for score in theirs.tolist()])
    if reference.rounding is not None:
        allowed += reference.rounding(rows)
    worst = 0.0
    for how, (scores, labels) in _runs(session, reference, rows):
        share = _share_of_tolerance(scores, theirs[: len(scores)], allowed[: len(scores)])
        row = int(np.argmax(share))
        if share[row] > 1:
            raise ParityFailed(
                f"the graph does not score as its reference ({reference.words}): case `{name}`, row {row + 1} of "
                f"{len(rows)}, {how}: the graph says {float(scores[row])!r}, the reference {float(theirs[row])!r}, "
                f"{share[row]:.3g} times as far apart as the tolerance of {reference.relative:g} allows"
            )
        _check_labels(f"case `{name}`, {how}", labels, theirs[: len(scores)], allowed[: len(scores)], reference)
        worst = max(worst, float(share[row]))
    ties = np.abs(theirs - reference.threshold) <= _allowed(reference, reference.threshold)
    return ParityCase(rows=len(rows), worst=worst), int(ties.sum())


def _runs(session: ort.InferenceSession, reference: Reference, rows: Rows) -> Iterator[tuple[str, Answer]]:
    yield "in one run", _run(session, rows, len(rows))
    yield "in chunks", _run(session, rows, reference.chunk or -(-len(rows) // PIECES))
    yield "one row at a time", _run(session, rows[:SINGLE_ROWS], 1)


def _run(session: ort.InferenceSession, rows: Rows, chunk: int) -> Answer:
    answers = [
        session.run(["score", "label"], rows[start : start + chunk].feed()) for start in range(0, len(rows), chunk)
    ]
    scores, labels = zip(*answers, strict=True)
    return np.concatenate(scores), np.concatenate(labels)


def _allowed(reference: Reference, score: float) -> float:
    return tolerance(score, reference.scale if np.isfinite(reference.scale) else 0.0, reference.relative)


def _share_of_tolerance(ours: Scores, theirs: Scores, allowed: Scores) -> Scores:
    """By row: |ours - theirs| / allowed; infinite where only one is finite or they differ and none is."""
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    finite = np.isfinite(ours) & np.isfinite(theirs)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.abs(ours - theirs) / allowed
    return np.where(same, 0.0, np.where(finite, share, np.inf))


def _check_labels(where: str, labels: NDArray[np.int64], theirs: Scores, allowed: Scores, reference: Reference) -> None:
    """Near the threshold a label may be either: the graph's own score may lie on the other side of its edge."""
    band = 2 * np.maximum(allowed, _allowed(reference, reference.threshold))
    above = theirs > reference.threshold
    wrong = np.flatnonzero((labels != above) & ~(np.abs(theirs - reference.threshold) <= band))
    if len(wrong):
        row = int(wrong[0])
        raise ParityFailed(
            f"the graph does not label as its reference: {where}, row {row + 1}: the graph says {labels[row]}, "
            f"the reference's score {float(theirs[row])!r} against the threshold {reference.threshold!r}"
        )
