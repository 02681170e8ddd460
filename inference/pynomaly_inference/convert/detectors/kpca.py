"""Kernel principal component analysis: Hoffmann, Pattern Recognition 2007."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import (
    Conversion,
    Declaration,
    ExactReference,
    Matrix,
    Rounding,
    Scores,
)
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.kernels import Kernel, exact_squared_distances
from pynomaly_inference.convert.neighbours import rows_at_once


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The squared distance, in the kernel's space, of a row from the space of the selected components."""
    analysis, kernel = detector.kpca, _kernel(detector)
    values = kernel.write(x, analysis.X_fit_)
    mean = values.sum(axis=1, keep=True) * (1 / len(analysis.X_fit_))
    overall = float(analysis.get_centerer.K_fit_all_)
    along = ((values - mean - (analysis.get_centerer.K_fit_rows_ - overall)) @ _axes(detector)).square().sum(axis=1)
    return Conversion((kernel.with_itself(x) + overall) - mean.reshape(-1) * 2.0 - along)


def _kernel(detector: Any) -> Kernel:
    analysis = detector.kpca
    return Kernel(analysis.kernel, float(analysis.gamma_), analysis.degree, analysis.coef0)


def _axes(detector: Any) -> NDArray[np.float64]:
    """[training rows, components]: the selected components that are not nothing, in terms of the training rows."""
    values = detector.kpca.eigenvalues_[: detector.n_selected_components_]
    used = np.flatnonzero(values)
    axes: NDArray[np.float64] = detector.kpca.eigenvectors_[:, used] / np.sqrt(values[used])
    return axes


def _scores(detector: Any, X: Matrix) -> Scores:
    """With the rbf kernel, squared distances as sums of squared differences."""
    analysis = detector.kpca
    centre = analysis.get_centerer
    values = np.exp(-analysis.gamma_ * exact_squared_distances(X, analysis.X_fit_))
    mean = values.mean(axis=1)
    along = (values - mean[:, None] - centre.K_fit_rows_ + centre.K_fit_all_) @ _axes(detector)
    scores: Scores = 1.0 - 2 * mean + centre.K_fit_all_ - (along**2).sum(axis=1)
    return scores


def _size(detector: Any, X: Matrix) -> Scores:
    """Of the squares along the components too, each a sum over the training rows of both signs."""
    analysis, kernel, axes = detector.kpca, _kernel(detector), _axes(detector)
    centre = analysis.get_centerer
    sizes = kernel.size(X, analysis.X_fit_)
    mean, overall = sizes.mean(axis=1), abs(float(centre.K_fit_all_))
    centred = sizes + mean[:, None] + np.abs(centre.K_fit_rows_) + overall
    along = np.abs(detector.kpca.transform(X)[:, : detector.n_selected_components_])
    along = along[:, np.flatnonzero(analysis.eigenvalues_[: detector.n_selected_components_])]
    own = np.array([kernel.size(row[None], row[None])[0, 0] for row in X])
    found: Scores = own + 2 * mean + overall + 2 * (along * (centred @ np.abs(axes))).sum(axis=1)
    return found


DECLARATION = Declaration(
    name="KPCA",
    path="pyod.models.kpca.KPCA",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.kpca.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(detector.kpca.X_fit_)),
    reference=ExactReference(
        "distances by exact subtraction, since those behind PyOD's rbf kernel are products of matrices",
        lambda detector: bool(detector.kernel == "rbf"),
        _scores,
    ),
    rounding=Rounding(
        _size,
        "the kernel values of the reconstruction, which cancel for training rows when all components are kept",
        lambda detector: np.asarray(detector.kpca.X_fit_),
    ),
    parameters={
        "n_components": {
            "type": "integer",
            "minimum": 1,
            "description": "Components to keep; default: as many as training rows, less those of no variance.",
        },
        "n_selected_components": {
            "type": "integer",
            "minimum": 1,
            "description": "How many of the kept components, from the first on, count as normal; default all.",
        },
        "kernel": {
            "enum": ["rbf", "linear", "poly", "sigmoid", "cosine"],
            "description": "The kernel; the default is `rbf`.",
        },
        "gamma": {
            "type": "number",
            "minimum": 0,
            "description": "Of the kernels rbf, poly and sigmoid; the default is 1 / features.",
        },
        "degree": {"type": "integer", "minimum": 0, "description": "Of the kernel poly; the default is 3."},
        "coef0": {"type": "number", "description": "The constant in poly and sigmoid; the default is 1."},
        "alpha": {
            "type": "number",
            "minimum": 0,
            "description": "Accepted as PyOD accepts it: its scores do not depend on it.",
        },
        "eigen_solver": {
            "enum": ["auto", "dense", "arpack", "randomized"],
            "description": "How the components are computed; the default is `auto`.",
        },
        "tol": {"type": "number", "minimum": 0, "description": "Where arpack stops; the default is its own choice."},
        "max_iter": {"type": "integer", "minimum": 1, "description": "Steps of arpack at most; default its choice."},
        "remove_zero_eig": {
            "type": "boolean",
            "description": "Remove components of no variance; the scores do not depend on it.",
        },
        "copy_X": {"type": "boolean", "description": "Whether the training rows are copied; the default is true."},
        "n_jobs": {"type": "integer", "description": "Processes while training; the scores do not depend on it."},
        "sampling": {
            "type": "boolean",
            "description": "Train on a random subset of `subset_size` rows; the default is false.",
        },
        "subset_size": {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ],
            "description": "Rows of the subset, or their share; the default is 20.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
