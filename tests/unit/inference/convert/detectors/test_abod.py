"""ABOD, fast: rows without directions, equal angles, ties."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.abod import ABOD

from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def test_a_neighbour_equal_to_the_row_forms_no_angle(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((80, 3))
    X[40:60] = X[0]
    rows = np.concatenate([X[20:40], X[60:]])
    detector = ABOD(n_neighbors=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the duplicates, which have no angle at all
        detector.fit(X)
        theirs = detector.decision_function(np.concatenate([rows, X[:1]]))
    ours = run(to_onnx(detector), np.concatenate([rows, X[:1]]))["score"]
    assert np.isnan(theirs[-1])
    assert np.isfinite(theirs[:-1]).all()
    agree(detector, ours, theirs)


def test_a_variance_of_equal_angles_is_rounding_in_pyod_and_zero_in_the_graph(run: Run) -> None:
    X = np.repeat(np.random.default_rng(0).standard_normal((20, 3)), 6, axis=0)
    rows = np.random.default_rng(1).standard_normal((300, 3)) * 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        detector = ABOD(n_neighbors=6).fit(X)
    # The six neighbours are copies of one row.
    theirs = detector.decision_function(rows)
    assert 0 < np.count_nonzero(theirs) < len(rows)
    assert np.max(np.abs(theirs)) < 1e-25
    assert not run(to_onnx(detector), rows)["score"].any()
    assert not reference_scores(detector, rows).any()


def test_only_rows_with_a_tie_differ_from_pyod(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).integers(0, 12, (300, 3)).astype(np.float64)
    rows: Matrix = np.random.default_rng(1).integers(-2, 14, (200, 3)) + np.float64(0.25)
    detector = ABOD(metric="manhattan").fit(X)
    ordered = np.sort(np.abs(rows[:, None] - X).sum(axis=2), axis=1)
    tied = ordered[:, 4] == ordered[:, 5]
    ours, theirs = run(to_onnx(detector), rows)["score"], detector.decision_function(rows)
    agree(detector, ours[~tied], theirs[~tied])
    assert not np.allclose(ours[tied], theirs[tied], rtol=1e-9)
    # Of as far neighbours: the variance's order of magnitude stays.
    assert np.abs(np.median(np.log10(ours[tied] / theirs[tied]))) < 0.1
    agree(detector, ours, reference_scores(detector, rows))


def test_the_method_of_all_pairs_is_refused_by_name() -> None:
    detector = ABOD(method="default").fit(np.random.default_rng(0).standard_normal((12, 2)))
    with pytest.raises(NotConvertible, match="parameter `method` of ABOD"):
        to_onnx(detector)


def test_fewer_rows_than_neighbours_are_all_neighbours(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((6, 2))
    with pytest.warns(UserWarning, match="n_neighbors is set"):
        detector = ABOD(n_neighbors=9).fit(X)
    agree(detector, run(to_onnx(detector), X * 3)["score"], detector.decision_function(X * 3))


def test_it_keeps_training_rows_and_has_no_contributions() -> None:
    declaration = declaration_of("ABOD")
    assert declaration.keeps_training_rows
    assert declaration.contributions is None
