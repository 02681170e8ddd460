"""Lightweight on-line detector of anomalies: Pevny, Machine Learning 102, 2016."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.steps import Steps, step_sum

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""By how much of its terms' sizes, for each term, a sum of products may differ from one matrix product to another."""


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean over sparse random projections of -log(share of the bin), once more over the number of projections."""
    used = detector.projections_ != 0
    terms = step_sum(x @ detector.projections_.T, _steps(detector))
    by_projection = terms.contributions
    if by_projection is None:
        raise ValueError("steps have terms")
    return Conversion(terms.score, lambda: by_projection() @ (used / used.sum(axis=1, keepdims=True)))


def _steps(detector: Any) -> list[Steps]:
    """PyOD looks a projection up among the lower limits: bin 0 is the least training projection and anything below.

    That projection is the first limit itself, and ties lie on others: above by no more than rounding is not above.
    """
    steps = []
    for limits, shares, weight, rounding in zip(
        detector.limits_, detector.histograms_, detector.weights, _rounding(detector), strict=True
    ):
        edges = np.asarray(limits[: len(shares) - 1]) + rounding
        steps.append(Steps(edges, -weight / detector.n_random_cuts * np.log(shares)))
    return steps


def _rounding(detector: Any) -> NDArray[np.float64]:
    """How far apart a projection's value may be from one matrix product to another: a single product is exact.

    The terms' sizes follow from where the training rows lie, which only the projections' limits still tell.
    """
    projections = np.asarray(detector.projections_)
    ends = np.array([(limits[0], limits[-1]) for limits in detector.limits_])
    location = np.linalg.lstsq(projections, ends.mean(axis=1))[0]
    sizes = np.abs(projections) @ np.abs(location) + np.abs(ends).max(axis=1)
    terms = (projections != 0).sum(axis=1)
    rounding: NDArray[np.float64] = np.where(terms > 1, terms * ROUNDING * sizes, 0.0)
    return rounding


def scores_by_exact_sums(detector: Any, X: Matrix) -> Scores:
    """PyOD's scores, but exact ones of the rows with a projection on a limit, where PyOD's rounding chooses the bin."""
    scores = np.array(detector.decision_function(X), np.float64)
    exact = X.astype(np.longdouble) @ detector.projections_.T.astype(np.longdouble)
    steps, rounding = _steps(detector), _rounding(detector)
    tied = np.zeros(len(X), bool)
    for projected, step, reach in zip(exact.T, steps, rounding, strict=True):
        tied |= (np.abs(projected[:, None] - (step.edges - reach)) <= 2 * reach).any(axis=1)
    scores[tied] = sum(
        step.values[np.searchsorted(step.edges, projected[tied])]
        for projected, step in zip(exact.T, steps, strict=True)
    )
    return scores


DECLARATION = Declaration(
    name="LODA",
    path="pyod.models.loda.LODA",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.projections_.shape[1]),
    reference=ExactReference(
        "PyOD's decision_function, but exact sums where a projection is on a limit of its bins: PyOD's own bin depends "
        "there on how many rows it scores at once",
        lambda detector: bool((_rounding(detector) > 0).any()),
        scores_by_exact_sums,
    ),
    contributions=(
        "Each random projection's term of the score, the negative log share of its bin, in equal parts to the features "
        "that the projection combines. They sum to the score."
    ),
    parameters={
        "n_bins": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"const": "auto"}],
            "description": "Bins a projection, or `auto` for as many as the Birge-Rozenblac method finds; default 10.",
        },
        "n_random_cuts": {
            "type": "integer",
            "minimum": 1,
            "description": "Random projections; PyOD's default is 100.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
