"""Gaussian mixture model: Aggarwal, "Outlier Analysis", 2015, chapter 2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.kernels import logsumexp

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_ROWS = {"type": "array", "items": _NUMBERS}


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """-log of the sum over the components of weight * density, densities from the precisions' Cholesky factors."""
    mixture = detector.detector_
    factors = _factors(mixture)
    z = x.unsqueeze(0) - mixture.means_[:, None]
    if mixture.covariance_type in ("full", "tied"):
        squares = (z @ factors).square().sum(axis=2)
    else:
        squares = (z.square() @ (factors**2)).reshape(len(mixture.means_), -1)
    logs = squares * -0.5 + (_log_determinants(mixture) + np.log(mixture.weights_))[:, None]
    density = logs.reshape(-1) if len(mixture.means_) == 1 else logsumexp(logs, axis=0)
    return Conversion(-density + 0.5 * mixture.n_features_in_ * float(np.log(2 * np.pi)))


def _factors(mixture: Any) -> NDArray[np.float64]:
    """Of the precisions, [components or 1, columns, columns]; of diagonal ones [components, columns, 1]."""
    factors: NDArray[np.float64] = mixture.precisions_cholesky_
    if mixture.covariance_type in ("full", "tied"):
        return factors
    diagonal = factors.reshape(len(factors), -1)
    return np.array(np.broadcast_to(diagonal, mixture.means_.shape))[:, :, None]


def _log_determinants(mixture: Any) -> NDArray[np.float64]:
    """[components], or [1] where they share one: of the factors."""
    factors: NDArray[np.float64] = mixture.precisions_cholesky_
    columns = mixture.n_features_in_
    logs: dict[str, Any] = {
        "full": lambda: np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1),
        "tied": lambda: np.log(np.diagonal(factors)).sum(keepdims=True),
        "diag": lambda: np.log(factors).sum(axis=1),
        "spherical": lambda: columns * np.log(factors),
    }
    found: NDArray[np.float64] = logs[mixture.covariance_type]()
    return found


def _scores_by_subtraction(detector: Any, X: Matrix) -> Scores:
    """The scores of a mixture of independent columns, standardised before they are squared."""
    mixture = detector.detector_
    logs = []
    for weight, mean, covariance in zip(mixture.weights_, mixture.means_, mixture.covariances_, strict=True):
        variance = np.broadcast_to(covariance, mean.shape)
        logs.append(np.log(weight) - 0.5 * ((X - mean) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=1))
    scores: Scores = -np.logaddexp.reduce(logs, axis=0)
    return scores


def _multiplies(detector: Any) -> bool:
    return detector.covariance_type in ("diag", "spherical")


DECLARATION = Declaration(
    name="GMM",
    path="pyod.models.gmm.GMM",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.detector_.n_features_in_),
    reference=ExactReference(
        "squares of differences, since PyOD's are products of matrices with the covariances `diag` and `spherical`",
        _multiplies,
        _scores_by_subtraction,
    ),
    parameters={
        "n_components": {"type": "integer", "minimum": 1, "description": "Components; the default is 1."},
        "covariance_type": {
            "enum": ["full", "tied", "diag", "spherical"],
            "description": "A covariance for each component, one for all, variances, or one variance; default `full`.",
        },
        "tol": {"type": "number", "minimum": 0, "description": "Gain at which training stops; the default is 0.001."},
        "reg_covar": {
            "type": "number",
            "minimum": 0,
            "description": "Added to the variances; the default is 0.000001.",
        },
        "max_iter": {"type": "integer", "minimum": 1, "description": "Iterations of training; the default is 100."},
        "n_init": {"type": "integer", "minimum": 1, "description": "Starts, the best of which is kept; default 1."},
        "init_params": {
            "enum": ["kmeans", "k-means++", "random", "random_from_data"],
            "description": "How training starts; the default is `kmeans`.",
        },
        "weights_init": {**_NUMBERS, "description": "Weights to start from, one a component."},
        "means_init": {**_ROWS, "description": "Means to start from, one list a component."},
        "precisions_init": {
            "anyOf": [_NUMBERS, _ROWS, {"type": "array", "items": _ROWS}],
            "description": "Precisions to start from, in the form that `covariance_type` has.",
        },
        "warm_start": {
            "type": "boolean",
            "description": "Accepted as PyOD accepts it: a detector is trained once, from the start.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
