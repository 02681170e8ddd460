"""Copula-based outlier detection: Li et al., "COPOD", ICDM 2020."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.steps import step_sum
from pynomaly_inference.convert.tails import Tails, Values, tail_steps


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The sum over the columns of the tail on the side of the skewness, or the mean of both tails if that is larger."""
    return step_sum(x, tail_steps(detector.X_train, _term))


def _term(tails: Tails) -> Values:
    left, right, skewness = tails
    # PyOD adds both tails where the skewness is 0.
    skewed = np.where(skewness < 0, left, np.where(skewness > 0, right, left + right))
    return np.maximum(skewed, (left + right) / 2)


DECLARATION = Declaration(
    name="COPOD",
    path="pyod.models.copod.COPOD",
    semantics=Semantics.ROW,
    convert=convert,
    columns=lambda detector: int(detector.X_train.shape[1]),
    contributions=(
        "Each feature's term of the score: of its two tails, -log of the share of training rows at least as low and at "
        "least as high, the one on the side of the skewness, or their mean if that is larger (both tails added where "
        "PyOD finds a skewness of exactly 0). They sum to the score."
    ),
    fitting=frozenset({"n_jobs"}),
)
