"""LOF: which of equally far rows are neighbours, and what PyOD's own arithmetic costs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.lof import LOF

from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def squares(X: Matrix, rows: Matrix) -> Matrix:
    found: Matrix = ((X[:, None] - rows[None]) ** 2).sum(axis=2)
    return found


def ties(X: Matrix, rows: Matrix, count: int) -> NDArray[np.bool_]:
    """[n]: is the next row as near as the last neighbour?"""
    ordered = np.sort(squares(X, rows), axis=1)
    found: NDArray[np.bool_] = ordered[:, count - 1] == ordered[:, count]
    return found


def test_of_whole_numbers_only_rows_with_a_tie_differ_from_pyod_and_less_than_other_trees_do(
    run: Run, agree: Agree
) -> None:
    X = np.random.default_rng(0).integers(0, 9, (400, 3)).astype(np.float64)
    rows = np.concatenate([X[:100], np.random.default_rng(1).integers(-2, 11, (200, 3)) + 0.25])
    detector = LOF(n_neighbors=5).fit(X)
    tied = ties(rows, X, 5)
    ours, theirs = run(to_onnx(detector), rows)["score"], detector.decision_function(rows)
    agree(detector, ours[~tied], theirs[~tied])
    assert not np.allclose(ours[tied], theirs[tied], rtol=1e-9)
    # The neighbours that a tie leaves open are as far: only their densities differ.
    assert np.max(np.abs(ours / theirs - 1)) < 0.5
    assert np.abs(np.median(ours[tied] / theirs[tied]) - 1) < 0.01
    agree(detector, ours, reference_scores(detector, rows))


def test_pyods_own_choice_of_equally_far_rows_depends_on_its_tree() -> None:
    X = np.random.default_rng(0).integers(0, 9, (400, 3)).astype(np.float64)
    rows = X[:100] + 0.0
    detector = LOF(n_neighbors=5).fit(X)
    scores = detector.decision_function(rows)
    by_other_tree = LOF(n_neighbors=5, leaf_size=3).fit(X)
    # The same densities, so that only the neighbours of the new rows differ.
    by_other_tree.detector_._lrd = detector.detector_._lrd  # noqa: SLF001 - published nowhere else
    differs = np.abs(by_other_tree.decision_function(rows) - scores) > 1e-9
    assert differs.any()
    assert np.all(ties(rows, X, 5)[differs])


def test_above_15_features_pyods_distances_leave_the_tolerance_and_ours_do_not(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((200, 16)) * 1e-3 + 100.0
    detector = LOF(n_neighbors=5).fit(X)
    rows = X[:50] + 1e-5
    lof = detector.detector_
    distances = np.sqrt(squares(rows, X))
    nearest = np.argsort(distances, axis=1)[:, :5]
    reach = np.maximum(np.take_along_axis(distances, nearest, axis=1), lof._distances_fit_X_[nearest, -1])
    density = lof._lrd  # noqa: SLF001 - published nowhere else
    exact = density[nearest].mean(axis=1) * (reach.mean(axis=1) + 1e-10)
    assert np.max(np.abs(detector.decision_function(rows) / exact - 1)) > 1e-9
    agree(detector, run(to_onnx(detector), rows)["score"], exact)
    agree(detector, reference_scores(detector, rows), exact)


def test_a_row_without_direction_is_near_the_first_training_rows_by_cosine(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((300, 6))
    detector = LOF(metric="cosine").fit(X)
    rows = np.concatenate([X[:30] * 1.5 + 0.01, np.zeros((1, 6))])
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))


def test_more_neighbours_than_training_rows_are_all_the_others(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((12, 2))
    with pytest.warns(UserWarning, match="greater than the total number of samples"):
        detector = LOF(n_neighbors=30).fit(X)
    agree(detector, run(to_onnx(detector), X * 3)["score"], detector.decision_function(X * 3))


def test_without_novelty_there_are_no_scores_of_new_rows_so_it_is_refused_by_name() -> None:
    X = np.random.default_rng(0).standard_normal((50, 2))
    detector = LOF(novelty=False).fit(X)
    with pytest.raises(AttributeError):
        detector.decision_function(X)
    with pytest.raises(NotConvertible, match="parameter `novelty` of LOF"):
        to_onnx(detector)


def test_it_has_no_contributions() -> None:
    assert declaration_of("LOF").contributions is None
