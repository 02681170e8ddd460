"""Empirical cumulative distribution functions: Li et al., "ECOD", TKDE 2022."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.steps import step_sum
from pynomaly_inference.convert.tails import Tails, Values, tail_steps


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The sum over the columns of the larger tail of {training rows, x}, each tail -log(share of rows beyond x).

    PyOD has a third term, the tail on the side of the skewness: never larger than the larger tail, unless the skewness
    with x is exactly 0, where it is both tails' sum.
    """
    return step_sum(x, tail_steps(detector.X_train, _term))


def _term(tails: Tails) -> Values:
    return np.where(tails.skewness == 0, tails.left + tails.right, np.maximum(tails.left, tails.right))


DECLARATION = Declaration(
    name="ECOD",
    path="pyod.models.ecod.ECOD",
    semantics=Semantics.ROW,
    convert=convert,
    columns=lambda detector: int(detector.X_train.shape[1]),
    contributions=(
        "Each feature's term of the score: the larger of its two tails, -log of the share of training rows at least as "
        "low and at least as high (both tails added where PyOD finds a skewness of exactly 0). They sum to the score."
    ),
    fitting=frozenset({"n_jobs"}),
)
