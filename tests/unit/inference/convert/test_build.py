"""A resource's detectors are built with its contamination and seed, bases included, or the missing extra is named."""

import sys
from typing import Any

import numpy as np
import pytest

from pynomaly_inference.convert.build import Setting, build
from pynomaly_inference.errors import ResourceInvalid

SETTING = Setting(contamination=0.2, seed=7, columns=3)


def test_a_detector_has_its_parameters_the_contamination_and_the_seed() -> None:
    forest = build("IForest", {"n_estimators": 5}, SETTING)
    assert (forest.n_estimators, forest.contamination, forest.random_state) == (5, 0.2, 7)


def test_a_random_state_among_the_parameters_wins() -> None:
    assert build("IForest", {"random_state": 1}, SETTING).random_state == 1


def test_bases_are_built_alike_at_any_depth() -> None:
    inner = {
        "name": "Ensemble",
        "parameters": {"bases": [{"name": "IForest"}, {"name": "KNN", "parameters": {"p": 1}}]},
    }
    built = build("Ensemble", {"bases": [inner, {"name": "HBOS"}], "combination": "median"}, SETTING)
    forest, knn = built.bases[0].bases
    assert (forest.contamination, knn.p, knn.contamination) == (0.2, 1, 0.2)
    assert (type(built.bases[1]).__name__, built.combination, built.random_state) == ("HBOS", "median", 7)


def test_equal_bases_of_a_list_have_different_seeds_and_always_the_same() -> None:
    bases = [{"name": "IForest"}, {"name": "IForest"}, {"name": "IForest", "parameters": {"random_state": 3}}]
    first, second, given = build("Ensemble", {"bases": bases}, SETTING).bases
    assert first.random_state != second.random_state
    assert given.random_state == 3
    again = build("Ensemble", {"bases": bases}, SETTING).bases
    assert [base.random_state for base in again[:2]] == [first.random_state, second.random_state]
    X = np.random.default_rng(0).standard_normal((60, 3))
    assert not np.array_equal(first.fit(X).decision_scores_, second.fit(X).decision_scores_)


def test_one_base_is_built_where_one_is_asked_for() -> None:
    bagging = build("FeatureBagging", {"base_estimator": {"name": "KNN"}, "n_estimators": 3}, SETTING)
    assert (type(bagging.base_estimator).__name__, bagging.n_estimators) == ("KNN", 3)


def test_a_class_without_contamination_is_not_given_any() -> None:
    """XGBOD would pass it on to XGBoost."""
    assert build("XGBOD", {}, SETTING).kwargs == {"verbosity": 0}


@pytest.mark.parametrize(
    ("name", "module", "extra", "parameters"),
    [
        ("XGBOD", "xgboost", "xgboost", {}),
        ("SUOD", "suod", "suod", {}),
        ("AutoEncoder", "torch", "torch", {}),
        ("Ensemble", "torch", "torch", {"bases": [{"name": "KNN"}, {"name": "AutoEncoder"}]}),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str, parameters: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    needing = "AutoEncoder" if name == "Ensemble" else name
    with pytest.raises(ResourceInvalid) as refused:
        build(name, parameters, SETTING)
    assert str(refused.value) == (
        f"`{needing}` needs the extra `{extra}`, which is not installed here: pip install 'pynomaly-operator[{extra}]'"
    )
