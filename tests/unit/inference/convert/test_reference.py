"""What graphs are compared with is named in words a user understands."""

import warnings

import numpy as np
import pytest
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN

from pynomaly_inference.convert import reference_of, reference_scores
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.scoring.rows import Rows

X = np.random.default_rng(0).standard_normal((100, 16))


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        (HBOS(), "PyOD's decision_function"),
        (ECOD(), "PyOD's decision_function of each row alone"),
        (KNN(), "distances by exact subtraction, since PyOD's own are products of matrices above 15 features"),
        (KNN(algorithm="ball_tree"), "PyOD's decision_function"),
        (KNN(metric="manhattan"), "PyOD's decision_function"),
    ],
)
def test_the_reference_says_what_it_is(detector: object, words: str) -> None:
    fitted = detector.fit(X)  # type: ignore[attr-defined]  # PyOD publishes no types
    assert reference_of(fitted, Preprocessing.none([f"x{j}" for j in range(16)])).words.startswith(words)


def test_it_scores_rows_behind_their_preprocessing_and_carries_the_detectors_scale() -> None:
    detector = KNN().fit(X[:, :2])
    reference = reference_of(detector, Preprocessing.none(["a", "b"]))
    assert np.array_equal(reference.scores(Rows(X[:5, :2])), detector.decision_function(X[:5, :2]))
    assert reference.threshold == detector.threshold_
    assert reference.scale == np.median(detector.decision_scores_)
    assert (reference.chunk, reference.row_by_row) == (256, False)


def test_warnings_of_precision_are_not_the_users_business() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        detector = ECOD().fit(np.full((30, 1), 0.1))
    assert reference_scores(detector, np.array([[0.1]])).tolist() == [0.0]
