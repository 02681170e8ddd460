"""Minimum covariance determinant: Rousseeuw and Van Driessen, Technometrics 1999."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Rounding, Scores
from pynomaly_inference.convert.graph import Expr, Graph


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The squared Mahalanobis distance z P z of z = x - location, P being the precision matrix."""
    z = x - np.asarray(detector.location_)
    terms = (z @ np.asarray(detector.detector_.get_precision())) * z
    return Conversion(terms.sum(axis=1), lambda: terms)


def _size(detector: Any, X: Matrix) -> Scores:
    z = np.abs(X - detector.location_)
    sizes: Scores = ((z @ np.abs(detector.detector_.get_precision())) * z).sum(axis=1)
    return sizes


def _three_sigma(detector: Any) -> Matrix:
    sigma = np.sqrt(np.diagonal(detector.covariance_))
    return np.stack([detector.location_ - 3 * sigma, detector.location_ + 3 * sigma])


DECLARATION = Declaration(
    name="MCD",
    path="pyod.models.mcd.MCD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: len(detector.location_),
    rounding=Rounding(
        _size,
        "the products of z (P z), which cancel where P has large entries, as with `assume_centered` for rows far from "
        "zero",
        _three_sigma,
    ),
    contributions=(
        "z (P z) per feature, z being the difference from the robust location and P the robust precision matrix; "
        "negative where the other features explain the difference. They sum to the score."
    ),
    parameters={
        "store_precision": {
            "type": "boolean",
            "description": "Accepted as PyOD accepts it: its scores depend on it by rounding only.",
        },
        "assume_centered": {
            "type": "boolean",
            "description": "Take zero for the center of the raw estimate; the default is false.",
        },
        "support_fraction": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "Share of the rows behind the raw estimate; default: half of rows + features + 1.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
