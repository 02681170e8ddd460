"""ECOD: each row as PyOD scores it alone, ties and zero skewness included."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.ecod import ECOD

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def one_by_one(detector: ECOD, rows: Matrix) -> Matrix:
    return np.array([detector.decision_function(row[None])[0] for row in rows])


def test_pyods_score_of_a_row_depends_on_its_batch_and_the_graphs_does_not(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((100, 3))
    rows = np.random.default_rng(1).standard_normal((50, 3)) * 2
    detector = ECOD().fit(X)
    alone = one_by_one(detector, rows)
    assert np.abs(detector.decision_function(rows) - alone).max() > 0.1
    model = to_onnx(detector)
    agree(detector, run(model, rows)["score"], alone)
    assert run(model, rows[:1])["score"][0] == run(model, rows)["score"][0]
    assert np.array_equal(reference_scores(detector, rows), alone)


def test_where_the_skewness_is_zero_both_tails_count(run: Run, agree: Agree) -> None:
    """PyOD adds both tails when the sign of the skewness is 0: the symmetric values of symmetric columns."""
    symmetric, halves, skewed = np.tile([-3.0, -1.0, 0.0, 1.0, 3.0], 4), np.tile([0.0, 1.0], 10), np.arange(20.0) ** 2
    X = np.stack([symmetric, halves, skewed], axis=1)
    detector = ECOD().fit(X)
    rows = np.array([[0.0, 0.5, 4.0], [0.0, 0.0, 4.0], [1.0, 0.5, 5.0], [-3.0, 1.0, 0.0]])
    alone = one_by_one(detector, rows)
    agree(detector, run(to_onnx(detector), rows)["score"], alone)
    # 12 of the 20 rows and the row itself are on either side of the first column's 0.
    contribution = run(to_onnx(detector), rows)["contributions"][0, 0]
    assert contribution == pytest.approx(-2 * np.log(13 / 21), rel=1e-12)


@pytest.mark.parametrize("columns", [1, 2])
def test_a_root_of_the_skewness_between_the_training_values_is_found(run: Run, agree: Agree, columns: int) -> None:
    X = np.repeat(np.tile([[0.1], [0.3]], (10, 1)), columns, axis=1)
    detector = ECOD().fit(X)
    middle = np.full((1, columns), 0.2)
    rows = np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, 1), middle + 0.01])
    agree(detector, run(to_onnx(detector), rows)["score"], one_by_one(detector, rows))


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # SciPy's, of the constant column
def test_a_constant_column_adds_nothing_on_its_constant(run: Run, agree: Agree) -> None:
    X = np.concatenate([np.random.default_rng(0).standard_normal((50, 1)), np.full((50, 1), 0.1)], axis=1)
    detector = ECOD().fit(X)
    rows = np.array([[0.0, 0.1], [0.0, 0.1000001], [0.0, 5.0]])
    outputs = run(to_onnx(detector), rows)
    agree(detector, outputs["score"], one_by_one(detector, rows))
    assert outputs["contributions"][0, 1] == 0.0


def test_contributions_are_the_larger_tails_and_sum_to_the_score(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((99, 2))
    outputs = run(to_onnx(ECOD().fit(X)), np.array([[-9.0, 0.3]]))
    above = (X[:, 1] >= 0.3).sum()
    assert outputs["contributions"][0, 0] == pytest.approx(np.log(100.0))
    assert outputs["contributions"][0, 1] == pytest.approx(-np.log((above + 1) / 100))
    assert outputs["score"] == pytest.approx(outputs["contributions"].sum(axis=1), rel=1e-14)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # PyOD overflows while fitting
def test_a_column_whose_skewness_overflows_is_refused() -> None:
    X = np.random.default_rng(0).standard_normal((50, 1)) * 1e150
    with pytest.raises(NotConvertible, match="which doubles cannot hold: scale it"):
        to_onnx(ECOD().fit(X))
