"""Rows of a stream, one a line, and an answer for each: its score, or the problem with it.

A line that is no row of the model harms no other: unlike in a whole request, those around it are scored.
"""

from dataclasses import dataclass

import numpy as np

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.ndjson_rows import decode_ndjson
from pynomaly_inference.server.http import problem, too_large
from pynomaly_inference.server.protocols.answers import Asked, lines
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.scorer import labelled, not_finite

MOST_LINE_BYTES = 2**20


class LineSplitter:
    """Cuts a stream into lines as it arrives, however it arrives."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        """What has come of a line that has not ended."""
        self._size = 0

    def feed(self, content: bytes) -> list[bytes]:
        """The lines that are whole now, without empty ones; raises Rejected 413 for one beyond `MOST_LINE_BYTES`."""
        self._parts.append(content)
        self._size += len(content)
        if b"\n" not in content:
            if self._size > MOST_LINE_BYTES:
                raise too_large(MOST_LINE_BYTES)
            return []
        *whole, rest = b"".join(self._parts).split(b"\n")
        self._parts, self._size = [rest], len(rest)
        if max(map(len, [*whole, rest])) > MOST_LINE_BYTES:
            raise too_large(MOST_LINE_BYTES)
        return [line for line in whole if line and not line.isspace()]

    def end(self) -> list[bytes]:
        """The last line, when nothing ended it."""
        return self.feed(b"\n")


@dataclass(frozen=True, slots=True)
class ScoredLines:
    """answer: a line for each. scored: None when no line is a row. ignored: columns that the model does not know."""

    answer: bytes
    scored: Scored | None
    ignored: int


def score_lines(asked: Asked, batch: list[bytes], first_row: int) -> ScoredLines:
    """The answers to these lines, at least one, in their order. first_row: the number of the first one."""
    schema = asked.served.schema
    problems: dict[int, Rejected] = {}
    try:
        decoded: Decoded | None = decode_ndjson(b"\n".join(batch), schema)
    except Rejected:
        decoded = _line_by_line(asked, batch, problems)
    if decoded is None:
        return ScoredLines(_merged([], problems, first_row, len(batch)), None, 0)
    scored = _score(asked, decoded.rows)
    finite = np.isfinite(scored.scores)
    if not finite.all():
        places = [index for index in range(len(batch)) if index not in problems]
        for place, score in zip(places, scored.scores.tolist(), strict=True):
            if not np.isfinite(score):
                problems[place] = not_finite(score, 1)
        scored = _only(scored, finite)
    answers = lines(asked, scored).splitlines(keepends=True) if problems else [lines(asked, scored)]
    whole = _merged(answers, problems, first_row, len(batch)) if problems else answers[0]
    return ScoredLines(whole, scored if len(scored.scores) else None, decoded.ignored)


def _line_by_line(asked: Asked, batch: list[bytes], problems: dict[int, Rejected]) -> Decoded | None:
    """The rows of the lines that are rows; `problems` gets the others by their place."""
    good: list[Decoded] = []
    for index, line in enumerate(batch):
        try:
            good.append(decode_ndjson(line, asked.served.schema))
        except Rejected as rejected:
            problems[index] = rejected
    if not good:
        return None
    numbers = np.concatenate([decoded.rows.numbers for decoded in good])
    categories = [decoded.rows.categories for decoded in good if decoded.rows.categories is not None]
    rows = Rows(numbers, np.concatenate(categories) if categories else None)
    return Decoded(rows, max(decoded.ignored for decoded in good))


def _score(asked: Asked, rows: Rows) -> Scored:
    options = asked.options
    scored = asked.served.model.score(rows, explain=options.explain, unify=options.unify)
    return labelled(scored, options.threshold, asked.served)


def _only(scored: Scored, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Scored:
    return Scored(
        scored.scores[kept],
        scored.labels[kept],
        scored.probabilities[kept],
        None if scored.contributions is None else scored.contributions[kept],
        None if scored.unified is None else scored.unified[kept],
    )


def _merged(answers: list[bytes], problems: dict[int, Rejected], first_row: int, count: int) -> bytes:
    """The answers and the problems, each on its line; a problem's row counts from the stream's start."""
    left = iter(answers)
    return b"".join(
        problem_line(problems[index], first_row + index) if index in problems else next(left) for index in range(count)
    )


def problem_line(rejected: Rejected, row: int | None) -> bytes:
    """A problem (RFC 9457) on a line of its own. row: its number in the stream, None when it is of no row."""
    detail = rejected.detail
    if row is not None and rejected.row is not None:
        detail = f"row {row}{detail.removeprefix(f'row {rejected.row}')}"
    return problem(Rejected(rejected.status, detail, row=row, feature=rejected.feature)) + b"\n"
