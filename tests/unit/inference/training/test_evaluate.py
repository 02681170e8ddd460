"""Metrics are what scikit-learn and PyOD call them, and absent where they are not defined."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.training.evaluate import evaluate


def scored(scores: list[float], labels: list[int]) -> Scored:
    values = np.array(scores)
    return Scored(values, np.array(labels, np.int64), np.zeros(len(values)))


def label(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def test_metrics_of_a_ranking_worked_out_by_hand() -> None:
    # Ranked 1 0 1 0: three of four pairs are in order; precision is 1 at the first hit and 2/3 at the second.
    result = evaluate(scored([4.0, 3.0, 2.0, 1.0], [1, 1, 1, 0]), label(1, 0, 1, 0), held_out=True)
    assert result.roc_auc == pytest.approx(0.75)
    assert result.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert result.precision_at_n == pytest.approx(0.5)
    assert (result.rows, result.anomalies, result.held_out) == (4, 2, True)
    assert result.anomaly_rate == 0.75


def test_without_a_label_only_the_rate_is_known() -> None:
    result = evaluate(scored([1.0, 2.0], [0, 1]), None, held_out=False)
    assert (result.anomaly_rate, result.anomalies, result.roc_auc) == (0.5, None, None)


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_defines_no_ranking_metric(only: int) -> None:
    result = evaluate(scored([1.0, 2.0], [0, 1]), label(only, only), held_out=True)
    assert (result.roc_auc, result.average_precision, result.precision_at_n) == (None, None, None)
    assert result.anomalies == 2 * only
