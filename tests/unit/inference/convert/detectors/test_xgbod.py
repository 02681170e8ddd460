"""XGBOD: PyOD's probability and label, learned from the label."""

import warnings
from typing import Any

import numpy as np
import pytest
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN
from pyod.models.xgbod import XGBOD
from tests.unit.inference.convert.conftest import Agree, Run

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((120, 3))
Y = (np.abs(X).max(axis=1) > 2).astype(int)


def fitted(**parameters: Any) -> XGBOD:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y should not be presented")  # PyOD warns of what it demands
        return XGBOD(verbosity=0, **parameters).fit(X, Y)


def test_score_label_and_probabilities_are_pyods(run: Run) -> None:
    """Its threshold is one half, whatever the contamination, and its score is its probability."""
    detector = fitted(estimator_list=[KNN(), HBOS()])
    outputs = run(to_onnx(detector), X)
    np.testing.assert_array_equal(outputs["label"], detector.predict(X))
    for name in ("score", "probability", "probability_unify"):
        np.testing.assert_allclose(outputs[name], detector.predict_proba(X), rtol=1e-6)


def test_xgboost_answers_in_single_precision_which_its_tolerance_is_for() -> None:
    detector = fitted(estimator_list=[KNN(), HBOS()])
    scores = detector.decision_function(X)
    np.testing.assert_array_equal(scores, scores.astype(np.float32))


def test_its_forty_default_bases_are_converted(run: Run, agree: Agree) -> None:
    detector = fitted(n_estimators=10)
    assert len(detector.estimator_list_) > 35
    agree(detector, run(to_onnx(detector), X[:30])["score"], reference_scores(detector, X[:30]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"booster": "gblinear"}, "parameter `booster` of XGBOD: 'gblinear' is not one of"),
        ({"booster": "dart"}, "parameter `booster` of XGBOD: 'dart' is not one of"),
        ({"objective": "binary:hinge"}, "parameter `objective` of XGBOD"),
        ({"missing": 0.0}, "XGBOD was built with `missing` for XGBoost, which its graph may not have"),
    ],
)
def test_what_its_graph_does_not_have_is_refused_by_name(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        to_onnx(fitted(estimator_list=[HBOS()], **parameters))
