"""SUOD: its projections, its forests, and what is refused of it."""

import warnings
from typing import Any

import numpy as np
import pytest
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN
from pyod.models.suod import SUOD
from sklearn.linear_model import LinearRegression
from tests.unit.inference.convert.conftest import Agree, Run

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

X = np.random.default_rng(0).standard_normal((100, 4))


def fitted(**parameters: Any) -> SUOD:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\w+ does not have a predefined code")  # suod does not know every detector
        return SUOD(bps_flag=False, **parameters).fit(X)


def test_its_default_bases_are_converted(run: Run, agree: Agree) -> None:
    """COPOD among them scores each row alone, and forests stand for the LOF."""
    detector = fitted()
    declared = declaration_of(detector)
    assert declared.semantics is Semantics.ROW
    assert not declared.keeps_training_rows
    agree(detector, run(to_onnx(detector), X[:6])["score"], reference_scores(detector, X[:6]))


def test_a_base_whose_scores_a_forest_learned_is_not_in_the_graph() -> None:
    replaced = fitted(base_estimators=[KNN(), HBOS()])
    scoring = fitted(base_estimators=[KNN(), HBOS()], approx_flag_global=False)
    assert not declaration_of(replaced).keeps_training_rows
    assert declaration_of(scoring).keeps_training_rows


def test_only_forests_may_stand_for_a_base() -> None:
    detector = fitted(base_estimators=[KNN(), HBOS()], approx_clf=LinearRegression())
    with pytest.raises(
        NotConvertible, match=r"`approx_clf` of `LinearRegression`, .* use scikit-learn's RandomForestReg"
    ):
        to_onnx(detector)


@pytest.mark.parametrize("method", ["circulant", "toeplitz"])
def test_projections_that_pyod_cannot_compute_are_refused(method: str) -> None:
    """suod gives SciPy a matrix for a vector; since SciPy 1.17 that is a batch of them."""
    with pytest.raises(ValueError, match=r"dim 3|not aligned"):
        fitted(base_estimators=[KNN(), HBOS()], jl_method=method)
    assert method not in declaration_of("SUOD").parameters["jl_method"]["enum"]
