"""Feature bagging: each copy sees its own columns."""

import numpy as np
from pyod.models.ecod import ECOD
from pyod.models.feature_bagging import FeatureBagging
from pyod.models.knn import KNN
from tests.unit.inference.convert.conftest import Agree, Run

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx

X = np.random.default_rng(0).standard_normal((100, 5))


def test_its_default_base_is_converted(run: Run, agree: Agree) -> None:
    detector = FeatureBagging(n_estimators=5, random_state=0).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], reference_scores(detector, X))


def test_the_bases_parameters_may_be_given_beside_it(run: Run, agree: Agree) -> None:
    detector = FeatureBagging(KNN(), n_estimators=3, estimator_params={"method": "mean"}, random_state=0).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


def test_a_base_of_row_semantics_sees_a_row_alone_in_its_columns(run: Run, agree: Agree) -> None:
    detector = FeatureBagging(ECOD(), n_estimators=4, combination="max", random_state=0).fit(X)
    assert declaration_of(detector).semantics is Semantics.ROW
    alone = np.array([detector.decision_function(row[None])[0] for row in X[:10]])
    agree(detector, run(to_onnx(detector), X[:10])["score"], alone)
