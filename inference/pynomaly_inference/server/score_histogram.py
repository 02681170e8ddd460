"""Where a model's scores fall among its training scores."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from pynomaly_inference.scoring.model import Scored


class ScoreHistogram:
    """Counts of scores between the quantiles of the training scores."""

    def __init__(self, quantiles: Sequence[float]) -> None:
        self._bounds = sorted(set(quantiles))
        self._edges = np.array(self._bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0
        """The sum of all scores."""

    def observe(self, scored: Scored) -> int:
        """Counts the scores, all finite, in one pass of numpy; returns how many rows are anomalies."""
        scores = scored.scores
        if len(scores) == 1:
            score: float = scores.item()
            self._counts[bisect_left(self._bounds, score)] += 1
            self.sum += score
            return scored.labels.item()
        found = np.bincount(self._edges.searchsorted(scores), minlength=len(self._counts)).tolist()
        self._counts = [count + more for count, more in zip(self._counts, found, strict=True)]
        self.sum += float(np.add.reduce(scores))
        return int(np.count_nonzero(scored.labels))

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts with their upper bounds, as the exposition format has them."""
        return cumulative(self._bounds, self._counts)


def cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """A histogram's buckets as the exposition format has them; `counts` has one more for what is beyond."""
    return list(zip([*map(repr, bounds), "+Inf"], map(float, accumulate(counts)), strict=True))
