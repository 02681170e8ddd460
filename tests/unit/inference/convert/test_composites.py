"""What a composite promises is the least of what its bases promise."""

from typing import Any

import numpy as np
import pytest
from pyod.models.cof import COF
from pyod.models.ecod import ECOD
from pyod.models.feature_bagging import FeatureBagging
from pyod.models.hbos import HBOS
from pyod.models.kde import KDE
from pyod.models.knn import KNN
from pyod.models.kpca import KPCA
from pyod.models.lof import LOF
from pyod.models.pca import PCA
from tests.unit.inference.convert.conftest import Run

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert import declaration_of, reference_of, reference_scores, to_onnx
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.ensemble import Ensemble
from pynomaly_inference.errors import NotConvertible
from pynomaly_inference.rod import ROD
from pynomaly_inference.scoring.rows import Rows

FEW = np.random.default_rng(0).standard_normal((60, 3))
MANY = np.random.default_rng(0).standard_normal((60, 20))


class OwnHBOS(HBOS):  # type: ignore[misc]  # PyOD publishes no types
    """Scores as it likes."""


@pytest.mark.parametrize(
    ("bases", "semantics"),
    [
        ([KNN(), HBOS()], Semantics.EXACT),
        ([KNN(), ECOD()], Semantics.ROW),
        ([ECOD(), ROD(), KNN()], Semantics.FROZEN),
        ([KNN(), Ensemble([ECOD(), HBOS()])], Semantics.ROW),
    ],
    ids=["exact", "row", "frozen", "nested"],
)
def test_its_semantics_is_the_weakest_of_its_bases(bases: list[Any], semantics: Semantics) -> None:
    assert declaration_of(Ensemble(bases).fit(FEW)).semantics is semantics


def test_it_keeps_training_rows_and_is_cut_where_one_of_its_bases_is() -> None:
    knn, ensemble = KNN().fit(FEW), Ensemble([HBOS(), KNN()]).fit(FEW)
    declared = declaration_of(ensemble)
    assert declared.keeps_training_rows
    assert declared.chunk(ensemble) == declaration_of(knn).chunk(knn) is not None
    without = Ensemble([HBOS(), PCA()]).fit(FEW)
    assert not declaration_of(without).keeps_training_rows
    assert declaration_of(without).chunk(without) is None


def test_a_base_of_row_semantics_makes_pyod_score_rows_alone() -> None:
    ensemble = Ensemble([ECOD(), HBOS()]).fit(FEW)
    alone = [ensemble.decision_function(row[None])[0] for row in FEW[:5]]
    np.testing.assert_array_equal(reference_scores(ensemble, FEW[:5]), alone)
    assert not np.allclose(ensemble.decision_function(FEW), reference_scores(ensemble, FEW))


def test_where_pyod_is_inexact_for_a_base_the_reference_combines_exact_scores(run: Run) -> None:
    """A training row is 0 from itself; PyOD's product of matrices above 15 features says up to 1e-7."""
    ensemble = Ensemble([KNN(n_neighbors=1), HBOS()]).fit(MANY)
    assert "exact subtraction" in reference_of(ensemble, Preprocessing.none([f"x{i}" for i in range(20)])).words
    nearest, histogram = (ensemble.bases_[place].decision_function(MANY) for place in range(2))
    assert nearest.max() > 0
    exact = ensemble.combined(np.stack([np.zeros(len(MANY)), histogram], axis=1))
    np.testing.assert_allclose(reference_scores(ensemble, MANY), exact, rtol=1e-12)
    np.testing.assert_allclose(run(to_onnx(ensemble), MANY)["score"], exact, rtol=1e-12)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (
            Ensemble([HBOS(), COF()]),
            "base 2 of the Ensemble: `COF` cannot be converted: it keeps nothing of the training",
        ),
        (Ensemble([OwnHBOS()]), "base 1 of the Ensemble: .*OwnHBOS` is a subclass of HBOS"),
        (
            FeatureBagging(KNN(metric_params={"w": None})),
            "base 1 of the FeatureBagging: KNN was built with `metric_params",
        ),
        (
            Ensemble([Ensemble([KNN(), LOF(metric_params={"w": None})])]),
            "base 1 of the Ensemble: base 2 of the Ensemble: LOF was built with `metric_params=",
        ),
    ],
    ids=["refused", "subclass", "parameter", "nested"],
)
def test_a_base_that_cannot_be_converted_is_named(detector: Any, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        to_onnx(detector.fit(FEW))


def test_a_composite_that_is_not_fitted_is_told_so() -> None:
    with pytest.raises(NotConvertible, match="the FeatureBagging is not fitted: call `fit` first"):
        to_onnx(FeatureBagging(KNN()))


def test_a_base_that_lost_its_fit_is_told_so() -> None:
    ensemble = Ensemble([KNN(), HBOS()]).fit(FEW)
    ensemble.bases_[1] = HBOS()
    with pytest.raises(NotConvertible, match="base 2 of the Ensemble: the HBOS is not fitted"):
        to_onnx(ensemble)


def test_a_base_whose_training_scores_are_rounding_cannot_be_combined() -> None:
    """KPCA with all components leaves nothing of a training row: standardising would magnify 1e-15 to 1."""
    with pytest.raises(
        NotConvertible, match="base 2 of the Ensemble: the training scores of the KPCA vary by rounding"
    ):
        to_onnx(Ensemble([HBOS(), KPCA()]).fit(FEW))


def test_rounding_that_standardising_magnifies_widens_what_is_allowed(run: Run) -> None:
    """Densities of rows that are alike beside KDE's bandwidth differ in their last digits only."""
    alike = FEW * 1e-5
    ensemble, density = Ensemble([KDE(), HBOS()]).fit(alike), KDE().fit(alike)
    assert np.std(density.decision_scores_) < 1e-7 * np.median(density.decision_scores_)
    reference = reference_of(ensemble, Preprocessing.none(["a", "b", "c"]))
    assert reference.rounding is not None
    allowed = reference.rounding(Rows(alike))
    apart = np.abs(run(to_onnx(ensemble), alike)["score"] - reference.scores(Rows(alike)))
    assert apart.max() > 1e-9 * reference_scores(ensemble, alike).std()
    assert np.all(apart <= allowed)
    assert allowed.max() < 1e-3


def test_rounding_that_no_tolerance_notices_is_not_reckoned_with() -> None:
    assert declaration_of(Ensemble([KNN(), HBOS()]).fit(FEW)).rounding is None
