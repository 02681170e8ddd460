"""Principal component detector: Shyu et al., "A novel anomaly detection scheme", 2003, as PyOD scores it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph

EXPLAINED = 0.9
"""Share of the training variance that the components behind the contributions explain at least."""


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The sum over the selected components c of |z - c| / weight of c, z being the standardised row.

    Weights of zero, as constant columns have, give infinity, as in PyOD.
    """
    z = (x - detector.scaler_.mean_) / detector.scaler_.scale_ if detector.standardization else x
    components = np.asarray(detector.selected_components_)
    basis = np.concatenate([components, _complement(components)])
    # |z - c|^2 as the sum of squared coordinates along every other axis, plus (coordinate along c - 1)^2: no difference
    # of large numbers, which |z|^2 - 2zc + 1 has where z is near c.
    along = z @ basis.T
    others = 1.0 - np.eye(len(basis), len(components))
    own = along if len(components) == len(basis) else along.columns(range(len(components)))
    distances = (along.square() @ others + (own - 1.0).square()).sqrt()
    with np.errstate(divide="ignore"):
        weights = 1.0 / np.asarray(detector.selected_w_components_)
    score = (distances @ weights[:, None]).reshape(-1)
    return Conversion(score, lambda: _contributions(detector.detector_, z))


def _complement(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """[columns - components, columns]: orthonormal axes orthogonal to the components."""
    axes: NDArray[np.float64] = np.linalg.svd(components)[2][len(components) :]
    return axes


def _contributions(analysis: Any, z: Expr) -> Expr:
    """The squares of what the leading components do not reconstruct."""
    explained = np.cumsum(analysis.explained_variance_ratio_)
    enough = int(np.searchsorted(explained, EXPLAINED)) + 1
    leading = analysis.components_[: min(enough, analysis.n_features_in_ - 1)]
    residual: NDArray[np.float64] = np.eye(analysis.n_features_in_) - leading.T @ leading
    return ((z - np.asarray(analysis.mean_)) @ residual).square()


DECLARATION = Declaration(
    name="PCA",
    path="pyod.models.pca.PCA",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.detector_.n_features_in_),
    contributions=(
        "Each feature's squared reconstruction error in the standardised space (the detector's own space without "
        "`standardization`), from the fewest leading components that explain 90 % of the training variance: at most "
        "as many as the detector keeps, and one fewer than features. They do not sum to the score."
    ),
    parameters={
        "n_components": {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"const": "mle"},
            ],
            "description": "Components to keep: a number, the variance to explain, or Minka's estimate; default all.",
        },
        "n_selected_components": {
            "type": "integer",
            "minimum": 1,
            "description": "How many of the kept components score, those of the least variance; default all.",
        },
        "whiten": {"type": "boolean", "description": "Accepted as PyOD accepts it: its scores do not depend on it."},
        "svd_solver": {
            "enum": ["auto", "full", "arpack", "randomized"],
            "description": "How the components are computed; the default is `auto`.",
        },
        "weighted": {
            "type": "boolean",
            "description": "Divide a component's distance by the variance share it explains; the default is true.",
        },
        "standardization": {
            "type": "boolean",
            "description": "Scale features to mean 0 and variance 1 first; the default is true.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
    fitting=frozenset({"copy", "tol", "iterated_power"}),
)
