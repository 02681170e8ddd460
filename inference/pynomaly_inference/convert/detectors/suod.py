"""SUOD: Zhao et al., "SUOD: accelerating large-scale unsupervised heterogeneous outlier detection", MLSys 2021."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.composites import BASE, side_by_side
from pynomaly_inference.convert.declaration import BaseScores, Composite, Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.convert.forests import mean_of_trees
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.errors import NotConvertible

_APPROXIMATORS = ("RandomForestRegressor", "ExtraTreesRegressor")
_NAMES = {"type": "array", "items": {"type": "string", "format": "detector-name"}}


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean or maximum of the standardised scores of the bases or of the regressors that learned their scores."""
    scores = side_by_side([_score(graph, part, x) for part in _parts(detector)])
    standardised = (scores - detector.score_scalar_.mean_) / detector.score_scalar_.scale_
    average = detector.combination == "average"
    return Conversion(standardised.mean(axis=1) if average else standardised.max(axis=1))


Part = tuple[Any, Any, NDArray[np.float64] | None]
"""A base, the regressor that learned its scores or None, and the projection of the rows that both see or None."""


def _parts(detector: Any) -> Iterator[Part]:
    model = detector.model_
    flags = np.ravel(model.approx_flags)
    for base, regressor, flag, projection in zip(
        model.base_estimators, model.approximators, flags, model.jl_transformers_, strict=True
    ):
        # suod says by a matrix of ones that nothing is projected.
        same = np.array_equal(projection, np.ones((len(projection), len(projection))))
        yield base, regressor if flag == 1 else None, None if same else np.asarray(projection, np.float64)


def _score(graph: Graph, part: Part, x: Expr) -> Expr:
    base, regressor, projection = part
    if projection is not None:
        x = x @ projection
    if regressor is None:
        return declaration_of(base).convert(graph, base, x).score
    kind = type(regressor)
    if kind.__name__ not in _APPROXIMATORS or not kind.__module__.startswith("sklearn."):
        raise NotConvertible(
            f"SUOD was built with `approx_clf` of `{kind.__name__}`, which its graph does not have: use scikit-learn's "
            f"{' or '.join(_APPROXIMATORS)}"
        )
    return mean_of_trees(x, regressor)


def bases(detector: Any) -> list[Any]:
    """The bases that score themselves."""
    return [base for base, regressor, _ in _parts(detector) if regressor is None]


def scores(detector: Any, X: Matrix, base: BaseScores) -> Scores:
    """The combination of any scores of the bases that score themselves, and of the regressors' predictions."""
    standardised = detector.score_scalar_.transform(_matrix(detector, X, base))
    combined: Scores = standardised.mean(axis=1) if detector.combination == "average" else standardised.max(axis=1)
    return combined


def standardise(detector: Any, X: Matrix, base: BaseScores) -> None:
    """Fits the standardiser anew on these scores and the regressors' predictions."""
    detector.score_scalar_ = StandardScaler().fit(_matrix(detector, X, base))


def _matrix(detector: Any, X: Matrix, base: BaseScores) -> Matrix:
    columns, place = [], 0
    for _, regressor, projection in _parts(detector):
        rows = X if projection is None else X @ projection
        if regressor is None:
            columns.append(base(place, rows))
            place += 1
        else:
            columns.append(regressor.predict(rows))
    return np.stack(columns, axis=1)


DECLARATION = Declaration(
    name="SUOD",
    path="pyod.models.suod.SUOD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.model_.jl_transformers_[0].shape[0]),
    extra="suod",
    composite=Composite(
        bases,
        scores,
        default=("HBOS", "COPOD", "IForest"),
        replaced=("LOF",),
        standardise=standardise,
        narrows="it may project rows onto other columns",
    ),
    parameters={
        "base_estimators": {
            "type": "array",
            "items": BASE,
            "minItems": 2,
            "description": "The detectors, each `{name, parameters}`; default two LOF, two HBOS, COPOD, three IForest.",
        },
        "combination": {
            "enum": ["average", "maximization"],
            "description": "Of the standardised scores; the default is `average`.",
        },
        "rp_flag_global": {"type": "boolean", "description": "Project rows at random; the default is true."},
        "rp_clf_list": {
            **_NAMES,
            "description": "The detectors that see projected rows; the default is LOF, KNN, ABOD.",
        },
        "rp_ng_clf_list": {**_NAMES, "description": "Those that do not, which keeps suod from warning of them."},
        "target_dim_frac": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "Columns after the projection, as a share; the default is 0.5.",
        },
        "jl_method": {
            "enum": ["basic", "discrete"],
            "description": "The projection's numbers: normal or -1 and 1; the default is `basic`.",
        },
        "approx_flag_global": {
            "type": "boolean",
            "description": "Replace slow detectors by random forests that learned their scores; the default is true.",
        },
        "approx_clf_list": {
            **_NAMES,
            "description": "The detectors to replace; the default is LOF, KNN, CBLOF, OCSVM.",
        },
        "approx_ng_clf_list": {**_NAMES, "description": "Those not to, which keeps suod from warning of them."},
    },
    fitting=frozenset({"approx_clf", "bps_flag", "n_jobs"}),
    # Its scheduling of processes writes files beside suod's code, where a container may not.
    fixed={"bps_flag": False},
)
