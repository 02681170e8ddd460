"""A gate holds only when the metric is there and good enough."""

import pytest

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.gates import failures
from pynomaly_inference.spec import Gates


def evaluation(**metrics: float | None) -> Evaluation:
    return Evaluation.model_validate({"rows": 100, "held_out": True, "anomaly_rate": 0.1} | metrics)


def gates(**bounds: float) -> Gates:
    return Gates.model_validate(bounds)


def test_no_gate_holds_always() -> None:
    assert failures(gates(), evaluation()) == ()


def test_bounds_are_inclusive() -> None:
    bounds = gates(minRocAuc=0.9, minAveragePrecision=0.5, maxAnomalyRate=0.1)
    assert failures(bounds, evaluation(roc_auc=0.9, average_precision=0.5)) == ()


@pytest.mark.parametrize(
    ("bounds", "metrics", "sentence"),
    [
        ({"minRocAuc": 0.95}, {"roc_auc": 0.9}, "ROC AUC is 0.9, minRocAuc demands 0.95"),
        (
            {"minAveragePrecision": 0.5},
            {"average_precision": 0.25},
            "average precision is 0.25, minAveragePrecision demands 0.5",
        ),
        ({"maxAnomalyRate": 0.05}, {}, "the anomaly rate is 0.1, maxAnomalyRate allows 0.05"),
        (
            {"minRocAuc": 0.5},
            {},
            "minRocAuc is 0.5, and ROC AUC is not defined: the evaluated rows hold one class only",
        ),
        ({"minRocAuc": 0.5}, {"roc_auc": float("nan")}, "ROC AUC is nan, minRocAuc demands 0.5"),
        ({"maxAnomalyRate": 0.5}, {"anomaly_rate": float("nan")}, "the anomaly rate is nan, maxAnomalyRate allows 0.5"),
    ],
)
def test_a_gate_that_fails_says_by_how_much(bounds: dict[str, float], metrics: dict[str, float], sentence: str) -> None:
    assert failures(gates(**bounds), evaluation(**metrics)) == (sentence,)


def test_every_gate_that_fails_is_told() -> None:
    bounds = gates(minRocAuc=0.95, maxAnomalyRate=0.01)
    assert len(failures(bounds, evaluation(roc_auc=0.5))) == 2
