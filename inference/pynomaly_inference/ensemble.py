"""An ensemble of any PyOD detectors, which PyOD has the parts of but no class for.

Aggarwal and Sathe, "Theoretical foundations and algorithms for outlier ensembles", SIGKDD Explorations 2015.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pyod.models.base import BaseDetector
from pyod.models.combination import average, maximization, median
from pyod.utils.utility import standardizer
from sklearn.base import clone
from sklearn.utils import check_array, shuffle
from sklearn.utils.validation import check_is_fitted

Combination = Literal["average", "maximization", "median", "aom", "moa"]


class Ensemble(BaseDetector):  # type: ignore[misc]  # PyOD publishes no types
    """Scores of several detectors, each standardised to mean 0 and variance 1 over the training rows, combined.

    bases: detectors of PyOD, which stay unfitted: `bases_` are fitted copies. combination: of the standardised scores;
    `aom` is the average of the buckets' maxima, `moa` the maximum of their averages. n_buckets: a divisor of the number
    of bases. random_state: draws the buckets, once at `fit`, so that a row's score never changes.
    """

    def __init__(
        self,
        bases: Sequence[Any],
        *,
        combination: Combination = "average",
        n_buckets: int = 5,
        contamination: float = 0.1,
        random_state: int | None = None,
    ) -> None:
        super().__init__(contamination=contamination)
        self.bases = bases
        self.combination = combination
        self.n_buckets = n_buckets
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fits a copy of each base; `y` is ignored. Raises ValueError for what cannot be combined."""
        X = check_array(X)
        if problem := self._parameters_problem():
            raise ValueError(problem)
        self._set_n_classes(y)
        self.n_features_in_ = X.shape[1]
        self.buckets_ = self._drawn_buckets()
        self.bases_ = [clone(base).fit(X) for base in self.bases]
        standardised = self.standardised(np.stack([base.decision_scores_ for base in self.bases_], axis=1))
        self.decision_scores_ = self._combined(standardised)
        self._process_decision_scores()
        return self

    def standardised(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, bases]: the bases' training scores [n, bases], standardised; the later rows' are by the same measure."""
        standardised, self.scaler_ = standardizer(scores, keep_scalar=True)
        return np.asarray(standardised)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """[n]: the combined scores of these rows."""
        check_is_fitted(self, ["decision_scores_", "threshold_", "labels_"])
        X = check_array(X)
        return self.combined(np.stack([base.decision_function(X) for base in self.bases_], axis=1))

    def combined(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n]: the combination of the bases' scores [n, bases] after standardising them."""
        return self._combined(self.scaler_.transform(scores))

    def _parameters_problem(self) -> str | None:
        if self.combination not in get_args(Combination):
            return f"there is no combination {self.combination!r}: choose one of {', '.join(get_args(Combination))}"
        if isinstance(self.bases, str) or not isinstance(self.bases, Sequence):
            return f"bases is a list of detectors, not a {type(self.bases).__name__}"
        if not self.bases:
            return "bases is empty: give at least one detector"
        for place, base in enumerate(self.bases, start=1):
            if isinstance(base, type) or not isinstance(base, BaseDetector):
                return f"base {place} is no detector of PyOD but {base!r}"
        return None

    def _combined(self, standardised: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.combination == "aom":
            return np.asarray(average(self._by_bucket(maximization, standardised)))
        if self.combination == "moa":
            return np.asarray(maximization(self._by_bucket(average, standardised)))
        return np.asarray(
            {"average": average, "maximization": maximization, "median": median}[self.combination](standardised)
        )

    def _by_bucket(self, combine: Any, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([combine(scores[:, bucket]) for bucket in self.buckets_], axis=1)

    def _drawn_buckets(self) -> NDArray[np.int64]:
        """[buckets, bases a bucket]: the positions of the bases, drawn as PyOD's static `aom` and `moa` draw them."""
        positions = np.arange(len(self.bases))
        if self.combination not in ("aom", "moa"):
            return positions[None]
        if not 2 <= self.n_buckets <= len(positions) or len(positions) % self.n_buckets:  # noqa: PLR2004 - one bucket is no bucket
            raise ValueError(
                f"{len(positions)} bases cannot be dealt into {self.n_buckets} buckets of the same size: set n_buckets "
                "to a divisor of the number of bases, at least 2"
            )
        drawn: NDArray[np.int64] = shuffle(positions, random_state=self.random_state)
        return drawn.reshape(self.n_buckets, -1)
