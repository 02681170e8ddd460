"""XGBOD: Zhao and Hryniewicki, "XGBOD: improving supervised outlier detection with unsupervised ...", IJCNN 2018."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.boosting import boosted_probability
from pynomaly_inference.convert.composites import BASE
from pynomaly_inference.convert.declaration import BaseScores, Composite, Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.errors import NotConvertible

_SHARE = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
_NOT_NEGATIVE = {"type": "number", "minimum": 0}


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """XGBoost's probability of an anomaly, given the row and the scores of the bases."""
    if unknown := detector.kwargs.keys() - {"verbosity"}:
        raise NotConvertible(
            f"XGBOD was built with {', '.join(f'`{name}`' for name in sorted(unknown))} for XGBoost, which its graph "
            "may not have: leave it out"
        )
    standardised = (x - detector._scalar.mean_) / detector._scalar.scale_  # noqa: SLF001 - published nowhere else
    scores = [
        declaration_of(base).convert(graph, base, standardised if standardise else x).score.unsqueeze(1)
        for base, standardise in zip(detector.estimator_list_, detector.standardization_flag_list_, strict=True)
    ]
    return Conversion(boosted_probability(graph.concat(x, *scores, axis=1), detector.clf_))


def scores(detector: Any, X: Matrix, base: BaseScores) -> Scores:
    """XGBoost's probability of an anomaly, given the rows and any scores of the bases."""
    standardised = detector._scalar.transform(X)  # noqa: SLF001 - published nowhere else
    flags = detector.standardization_flag_list_
    columns = [base(place, standardised if flag else X)[:, None] for place, flag in enumerate(flags)]
    probabilities: Scores = detector.clf_.predict_proba(np.concatenate([X, *columns], axis=1))[:, 1].astype(np.float64)
    return probabilities


DECLARATION = Declaration(
    name="XGBOD",
    path="pyod.models.xgbod.XGBOD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector._scalar.n_features_in_),  # noqa: SLF001 - published nowhere else
    extra="xgboost",
    reads_label=True,
    tolerance=1e-6,
    threshold=lambda _detector: 0.5,
    scores_probability=True,
    composite=Composite(
        lambda detector: detector.estimator_list_,
        scores,
        monotone=False,
        default=("KNN", "LOF", "HBOS", "OCSVM", "IForest"),
    ),
    same_length=("standardization_flag_list", "estimator_list"),
    parameters={
        "estimator_list": {
            "type": "array",
            "items": BASE,
            "minItems": 1,
            "description": "The detectors whose scores XGBoost sees, each `{name, parameters}`; default about forty of "
            "KNN, LOF, HBOS, OCSVM and IForest.",
        },
        "standardization_flag_list": {
            "type": "array",
            "items": {"type": "boolean"},
            "description": "For each detector of `estimator_list`, whether it sees standardised rows; default all do.",
        },
        "max_depth": {"type": "integer", "minimum": 1, "description": "Of a tree; the default is 3."},
        "learning_rate": {**_SHARE, "description": "Share of each tree that counts; the default is 0.1."},
        "n_estimators": {"type": "integer", "minimum": 1, "description": "Trees; the default is 100."},
        "objective": {"enum": ["binary:logistic"], "description": "Others give no probability."},
        "booster": {"enum": ["gbtree"], "description": "Others are no trees, or drop some of them."},
        "gamma": {**_NOT_NEGATIVE, "description": "Loss that a split must save; the default is 0."},
        "min_child_weight": {**_NOT_NEGATIVE, "description": "Weight that a leaf must have; the default is 1."},
        "max_delta_step": {**_NOT_NEGATIVE, "description": "Largest step of a leaf, 0 for any; the default is 0."},
        "subsample": {**_SHARE, "description": "Share of the rows that a tree sees; the default is 1."},
        "colsample_bytree": {**_SHARE, "description": "Share of the columns that a tree sees; the default is 1."},
        "colsample_bylevel": {**_SHARE, "description": "The same of a level of a tree."},
        "reg_alpha": {**_NOT_NEGATIVE, "description": "L1 penalty on leaves; the default is 0."},
        "reg_lambda": {**_NOT_NEGATIVE, "description": "L2 penalty on leaves; the default is 1."},
        "scale_pos_weight": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Weight of an anomaly beside a normal row; the default is 1.",
        },
        "base_score": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "description": "Probability to start from; the default is 0.5.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
        "n_jobs": {"type": "integer", "description": "Threads that fit; the scores do not depend on it."},
    },
    fitting=frozenset({"nthread", "silent"}),
    # XGBoost would warn that it does not know PyOD's `silent`.
    fixed={"verbosity": 0},
)
