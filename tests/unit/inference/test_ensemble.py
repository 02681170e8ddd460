"""The ensemble combines as PyOD's functions do, and a row's score never changes."""

from typing import Any, get_args

import numpy as np
import pytest
from pyod.models import combination
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from pyod.utils.utility import standardizer

from pynomaly_inference.ensemble import Combination, Ensemble

TRAINING = np.random.default_rng(0).standard_normal((80, 3))
ROWS = np.random.default_rng(1).standard_normal((30, 3)) * 2
THEIRS = {
    "average": combination.average,
    "maximization": combination.maximization,
    "median": combination.median,
    "aom": lambda scores: combination.aom(scores, n_buckets=2, random_state=3),
    "moa": lambda scores: combination.moa(scores, n_buckets=2, random_state=3),
}


def bases() -> list[Any]:
    return [KNN(), HBOS(), PCA(), IForest(n_estimators=10, random_state=0)]


@pytest.mark.parametrize("how", get_args(Combination))
def test_it_combines_standardised_scores_as_pyods_functions_do(how: Combination) -> None:
    fitted = [base.fit(TRAINING) for base in bases()]
    training = np.stack([base.decision_scores_ for base in fitted], axis=1)
    rows = np.stack([base.decision_function(ROWS) for base in fitted], axis=1)
    standardised_training, standardised_rows = standardizer(training, rows)
    ensemble = Ensemble(bases(), combination=how, n_buckets=2, random_state=3).fit(TRAINING)
    np.testing.assert_allclose(ensemble.decision_scores_, THEIRS[how](standardised_training), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ensemble.decision_function(ROWS), THEIRS[how](standardised_rows), rtol=1e-12, atol=1e-14)


def test_the_buckets_are_drawn_once_so_a_row_scores_the_same_alone() -> None:
    ensemble = Ensemble(bases(), combination="aom", n_buckets=2).fit(TRAINING)
    alone = [ensemble.decision_function(row[None])[0] for row in ROWS]
    np.testing.assert_allclose(ensemble.decision_function(ROWS), alone, rtol=1e-12)


def test_the_share_of_training_rows_above_the_threshold_is_the_contamination() -> None:
    assert Ensemble(bases(), contamination=0.25).fit(TRAINING).labels_.sum() == 20


def test_the_bases_it_was_given_stay_unfitted() -> None:
    given = bases()
    Ensemble(given).fit(TRAINING)
    assert not any(hasattr(base, "decision_scores_") for base in given)


@pytest.mark.parametrize("buckets", [1, 3, 5])
def test_buckets_of_different_sizes_are_refused(buckets: int) -> None:
    with pytest.raises(ValueError, match=f"4 bases cannot be dealt into {buckets} buckets of the same size"):
        Ensemble(bases(), combination="moa", n_buckets=buckets).fit(TRAINING)


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        ([], {}, "bases is empty: give at least one detector"),
        (KNN(), {}, "bases is a list of detectors, not a KNN"),
        ("KNN", {}, "bases is a list of detectors, not a str"),
        ([KNN(), "HBOS"], {}, "base 2 is no detector of PyOD but 'HBOS'"),
        ([KNN], {}, "base 1 is no detector of PyOD but <class"),
        ([KNN()], {"combination": "mean"}, "there is no combination 'mean': choose one of average, maximization, "),
    ],
)
def test_what_cannot_be_combined_is_refused_before_anything_is_fitted(
    given: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Ensemble(given, **more).fit(TRAINING)
