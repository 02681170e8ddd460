"""Where a model's scores fall among its training scores."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.scoring.model import Scored

_MOST_ANSWERS = 256
_MOST_ROWS = 16_384


class ScoreHistogram:
    """Counts of scores between the quantiles of the training scores, and of anomalies.

    Answers wait until there are many, or somebody asks: counting them together costs little more than counting one.
    """

    def __init__(self, quantiles: Sequence[float]) -> None:
        self._bounds = sorted(set(quantiles))
        self._edges = np.array(self._bounds)
        self._counts = np.zeros(len(self._bounds) + 1, np.int64)
        self._sum = 0.0
        self._anomalies = 0
        self._waiting: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
        self._rows = 0

    def observe(self, scored: Scored) -> None:
        """Counts an answer, whose scores are all finite."""
        self._waiting.append((scored.scores, scored.labels))
        self._rows += len(scored.scores)
        if self._rows > _MOST_ROWS or len(self._waiting) > _MOST_ANSWERS:
            self._count()

    @property
    def sum(self) -> float:
        """The sum of all scores."""
        self._count()
        return self._sum

    @property
    def anomalies(self) -> int:
        """How many rows were labelled 1."""
        self._count()
        return self._anomalies

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts with their upper bounds, as the exposition format has them."""
        self._count()
        return cumulative(self._bounds, self._counts.tolist())

    def _count(self) -> None:
        if not self._waiting:
            return
        scores = np.concatenate([each for each, _ in self._waiting])
        self._counts += np.bincount(self._edges.searchsorted(scores), minlength=len(self._counts))
        self._sum += float(scores.sum())
        self._anomalies += sum(int(np.count_nonzero(labels)) for _, labels in self._waiting)
        self._waiting, self._rows = [], 0


def cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """A histogram's buckets as the exposition format has them; `counts` has one more for what is beyond."""
    return list(zip([*map(repr, bounds), "+Inf"], map(float, accumulate(counts)), strict=True))
