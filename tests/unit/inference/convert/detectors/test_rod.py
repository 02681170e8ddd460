"""ROD: PyOD's scores where the batch is like the training rows, and scores of single rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.rod import ROD as PyodROD  # noqa: N811 - the class is an acronym

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible
from pynomaly_inference.rod import ROD

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def rows(columns: int, count: int = 120) -> Matrix:
    return np.random.default_rng(columns).standard_normal((count, columns)) * 2 + 1


@pytest.mark.parametrize("columns", [2, 3, 4, 6])
def test_the_training_batch_scores_as_in_pyod(run: Run, agree: Agree, columns: int) -> None:
    X = rows(columns)
    detector = ROD().fit(X)
    theirs = PyodROD().fit(X)
    assert np.array_equal(detector.decision_scores_, theirs.decision_scores_)
    agree(detector, run(to_onnx(detector), X)["score"], theirs.decision_function(X))


def test_any_batch_of_the_training_rows_median_scores_as_in_pyod(run: Run, agree: Agree) -> None:
    """Each row thrice has the same medians, in whatever order."""
    X = rows(5)
    detector = ROD().fit(X)
    batch = np.random.default_rng(0).permutation(np.repeat(X, 3, axis=0))
    agree(detector, run(to_onnx(detector), batch)["score"], detector.decision_function(batch))


def test_in_pyod_a_row_alone_has_one_score_whatever_it_is_and_here_its_own(run: Run) -> None:
    X = rows(4)
    detector = ROD().fit(X)
    alone = [detector.decision_function(row[None])[0] for row in (X[0], X[1], X[0] + 100)]
    # The deviation is its own median: 0.6745 in each subspace.
    assert alone == pytest.approx([1 / (1 + np.exp(-0.6745))] * 3)
    model = to_onnx(detector)
    ours = np.concatenate([run(model, row[None])["score"] for row in (X[0], X[1], X[0] + 100)])
    assert ours[:2] == pytest.approx(detector.decision_scores_[:2], rel=1e-9)
    assert ours[2] == pytest.approx(1.0)


def test_pyods_angle_loses_half_of_its_digits_near_the_medians_axis_and_the_graphs_does_not() -> None:
    """Of a vector 1e-8 off its axis, the cosine rounds to 1 or the double below: an angle of 0 or 1.5e-8."""
    from pyod.models.rod import angle  # noqa: PLC0415 - what the test is about

    axis, beside = np.array([1.0, 0.0, 0.0]), np.array([1.0, 1e-8, 0.0])
    assert abs(angle(axis, beside) - 1e-8) > 4e-9
    assert np.arctan2(np.linalg.norm(np.cross(axis, beside)), axis @ beside) == pytest.approx(1e-8, rel=1e-12)


@pytest.mark.filterwarnings("ignore:The geometric median is at the coordinate origin:RuntimeWarning")
def test_without_a_direction_the_angle_is_a_right_one(run: Run, agree: Agree) -> None:
    X = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3), 3 * np.eye(3), -3 * np.eye(3)])
    detector = ROD().fit(X)
    assert not np.any(detector.gm_)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


def test_columns_whose_subspaces_deviate_nowhere_say_nothing(run: Run, agree: Agree) -> None:
    """PyOD divides 0 by 0 there and counts it as a score of 0; a row that deviates at all is infinitely far."""
    X = np.concatenate([rows(3), np.full((120, 3), 2.0)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"), pytest.warns(RuntimeWarning, match="geometric median"):
        detector = ROD().fit(X)
    model = to_onnx(detector)
    agree(detector, run(model, X)["score"], detector.decision_scores_)
    beside = np.concatenate([X[:5, :3], np.full((5, 3), 2.5)], axis=1)
    agree(detector, run(model, beside)["score"], reference_scores(detector, beside))
    assert np.all(run(model, beside)["score"] > run(model, X[:5])["score"])


def test_pyods_own_class_is_refused_since_it_keeps_nothing_to_divide_by() -> None:
    with pytest.raises(NotConvertible, match=r"`ROD` cannot be converted: .* fit a `pynomaly_inference.rod.ROD`"):
        to_onnx(PyodROD().fit(rows(3)))
