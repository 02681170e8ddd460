"""HDBSCAN: the interpolation of training scores, at training rows and between ties."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.hdbscan import HDBSCAN

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def fitted(X: Matrix, **parameters: Any) -> HDBSCAN:
    with warnings.catch_warnings():
        # PyOD leaves an argument of scikit-learn's open whose default will change.
        warnings.filterwarnings("ignore", "The default value of `copy`", FutureWarning)
        return HDBSCAN(**parameters).fit(X)


def clusters(columns: int) -> Matrix:
    random = np.random.default_rng(0)
    return np.concatenate([random.standard_normal((60, columns)), random.standard_normal((90, columns)) * 2 + 8])


@pytest.mark.parametrize(
    "metric", [name for name in [*METRICS, *BRUTE_METRICS] if name not in {"minkowski", "braycurtis"}]
)
def test_every_metric_declared_scores_as_its_reference(run: Run, agree: Agree, metric: str) -> None:
    X = clusters(3)
    detector = fitted(X, metric=metric)
    rows = X[::3] * 1.1 + 0.01
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))


def test_a_training_row_has_its_training_score_whatever_the_number_of_features(run: Run) -> None:
    for columns in (3, 16):
        X = clusters(columns) + 1000.0
        detector = fitted(X)
        ours, theirs = run(to_onnx(detector), X)["score"], detector.decision_function(X)
        assert ours == pytest.approx(detector.decision_scores_, abs=1e-6)
        # From 16 features on PyOD's products put a row at up to 1e-4 from itself, and so weigh its neighbours.
        assert (np.max(np.abs(theirs - detector.decision_scores_)) > 1e-6) is np.bool_(columns > 15)


def test_only_rows_with_a_tie_differ_from_pyod(run: Run, agree: Agree) -> None:
    random = np.random.default_rng(0)
    X = np.concatenate([random.integers(0, 5, (150, 3)), random.integers(12, 20, (150, 3))]).astype(np.float64)
    rows: Matrix = random.integers(-2, 22, (300, 3)) + np.float64(0.25)
    detector = fitted(X)
    ordered = np.sort(((rows[:, None] - X) ** 2).sum(axis=2), axis=1)
    tied = ordered[:, 4] == ordered[:, 5]
    ours, theirs = run(to_onnx(detector), rows)["score"], detector.decision_function(rows)
    agree(detector, ours[~tied], theirs[~tied])
    assert not np.allclose(ours[tied], theirs[tied], rtol=1e-9)
    # One neighbour of five is exchanged at least, none of which scores above 1.
    assert np.median(np.abs(ours[tied] - theirs[tied])) < 0.2
    agree(detector, ours, reference_scores(detector, rows))
