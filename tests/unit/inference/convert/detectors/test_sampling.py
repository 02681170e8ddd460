"""Sampling: the distance to the nearest row of the sample, by every metric that PyOD's `DistanceMetric` knows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.sampling import Sampling

from pynomaly_inference.convert import to_onnx
from pynomaly_inference.convert.metrics import METRICS
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "minkowski"])
def test_every_metric_declared_scores_as_pyod(run: Run, agree: Agree, metric: str) -> None:
    random = np.random.default_rng(0)
    X = random.standard_normal((100, 17)) * (random.random((100, 17)) < 0.6)
    detector = Sampling(metric=metric, random_state=0).fit(X)
    rows = np.concatenate([X, X * 2 + 1, np.zeros((1, 17))])
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))


def test_a_sample_of_all_rows_scores_training_rows_0(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((60, 20)) + 1e6
    assert not run(to_onnx(Sampling(subset_size=1.0, random_state=0).fit(X)), X)["score"].any()


def test_parameters_of_a_metric_are_refused_by_name() -> None:
    detector = Sampling(metric="seuclidean", metric_params={"V": np.ones(3)}, random_state=0)
    with pytest.raises(NotConvertible, match=r"`metric` of Sampling: 'seuclidean'|metric_params"):
        to_onnx(detector.fit(np.random.default_rng(0).standard_normal((60, 3))))
