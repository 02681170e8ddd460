"""Feature bagging: Lazarevic and Kumar, "Feature bagging for outlier detection", KDD 2005."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.composites import BASE, side_by_side
from pynomaly_inference.convert.declaration import BaseScores, Composite, Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.convert.graph import Expr, Graph


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean or maximum of the scores of copies of one detector, each of which sees its own columns."""
    scores = side_by_side(
        [
            declaration_of(base).convert(graph, base, x.columns(columns)).score
            for base, columns in zip(detector.estimators_, _columns(detector), strict=True)
        ]
    )
    return Conversion(scores.mean(axis=1) if detector.combination == "average" else scores.max(axis=1))


def scores(detector: Any, X: Matrix, base: BaseScores) -> Scores:
    """The mean or maximum of any scores of the bases."""
    matrix = np.stack([base(place, X[:, columns]) for place, columns in enumerate(_columns(detector))], axis=1)
    combined: Scores = matrix.mean(axis=1) if detector.combination == "average" else matrix.max(axis=1)
    return combined


def _columns(detector: Any) -> list[list[int]]:
    return [np.asarray(columns).tolist() for columns in detector.estimators_features_]


DECLARATION = Declaration(
    name="FeatureBagging",
    path="pyod.models.feature_bagging.FeatureBagging",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.n_features_),
    composite=Composite(
        lambda detector: detector.estimators_,
        scores,
        default=("LOF",),
        narrows="each copy draws columns of its own",
    ),
    parameters={
        "base_estimator": {**BASE, "description": "The detector to copy, `{name, parameters}`; the default is LOF."},
        "n_estimators": {"type": "integer", "minimum": 1, "description": "Copies; PyOD's default is 10."},
        "max_features": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}],
            "description": "Features a copy at most, a number of them or a share; it draws from half of all to this. "
            "PyOD's default is 1.0.",
        },
        "bootstrap_features": {"type": "boolean", "description": "Draw a copy's features with replacement."},
        "combination": {
            "enum": ["average", "max"],
            "description": "Of the copies' scores as they are; the default is `average`.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
        "n_jobs": {"type": "integer", "description": "Processes of the default base; the scores do not depend on it."},
    },
    fitting=frozenset({"estimator_params", "check_detector", "check_estimator"}),
)
