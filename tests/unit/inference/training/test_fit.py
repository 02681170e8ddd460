"""Detectors that learn the label, that are made of detectors, or that need an extra, from a resource to a model."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.datasets.table import Table
from pynomaly_inference.ensemble import Ensemble
from pynomaly_inference.errors import DataRejected, FitFailed, ResourceInvalid
from pynomaly_inference.features import FeatureType
from pynomaly_inference.resource import parse_resource
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_inference.training.fit import fit_spec
from pynomaly_inference.training.train import Trained, train_table

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((160, 3))
LABEL = (np.abs(X).max(axis=1) > 2).astype(np.int64)
FEATURES = tuple((f"x{place}", FeatureType.NUMBER) for place in range(3))
XGBOD = "{name: XGBOD, parameters: {estimator_list: [{name: KNN}, {name: IForest}], n_estimators: 10}}"
SUOD = "{name: SUOD, parameters: {base_estimators: [{name: KNN}, {name: HBOS}]}}"


@dataclass
class Told:
    """Progress that keeps the warnings."""

    warnings: list[str]

    def begin(self, stage: str) -> None: ...

    def advance(self, share: float, detail: str) -> None: ...

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)


def resource(algorithm: str) -> AnomalyDetector:
    return parse_resource(
        f"""
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {{name: pumps}}
spec:
  algorithm: {algorithm}
  contamination: 0.2
  training: {{source: {{uri: unused.csv, label: y}}, seed: 5}}
""",
        AnomalyDetector,
    )


def trained(algorithm: str, label: NDArray[np.int64] | None = None) -> tuple[Trained, list[str]]:
    told = Told([])
    table = Table(FEATURES, Rows(X), LABEL if label is None else label, None, (), "0" * 64)
    return train_table(resource(algorithm), table, told), told.warnings


def test_a_detector_that_learns_the_label_is_fitted_on_it_and_proven() -> None:
    made, told = trained(XGBOD)
    metadata = made.model.metadata
    assert (metadata.threshold, metadata.parity.tolerance) == (0.5, 1e-6)
    assert metadata.keeps_training_rows
    assert metadata.evaluation.roc_auc is not None
    assert metadata.evaluation.roc_auc > 0.9
    assert not told


def test_the_labels_of_the_held_out_rows_teach_nothing() -> None:
    """The last rows by time are held out: 48 of 160."""
    times = np.arange(len(X), dtype=np.int64)
    exchanged = np.append(LABEL[:112], 1 - LABEL[112:])
    models = [
        train_table(resource(XGBOD), Table(FEATURES, Rows(X), label, times, (), "0" * 64), Told([])).model
        for label in (LABEL, exchanged)
    ]
    first, second = (model.score(Rows(X)).scores for model in models)
    np.testing.assert_array_equal(first, second)
    assert models[0].metadata.evaluation.roc_auc != models[1].metadata.evaluation.roc_auc


@pytest.mark.parametrize("only", [0, 1])
def test_a_label_of_one_class_teaches_nothing(only: int) -> None:
    label = np.full(len(X), only)
    with pytest.raises(DataRejected, match=f"the label is {only} in all 112 training rows, and XGBOD learns from rows"):
        trained(XGBOD, label)


def test_a_detector_that_reads_no_label_is_not_given_it() -> None:
    """PyOD would warn of it."""
    _, told = trained("{name: HBOS}")
    assert not told


def test_an_ensemble_is_of_detectors_built_with_the_resources_contamination() -> None:
    algorithm = "{name: Ensemble, parameters: {bases: [{name: KNN, parameters: {n_neighbors: 3}}, {name: HBOS}]}}"
    fitted = fit_spec(resource(algorithm).spec, FEATURES, Rows(X), None).detector
    theirs = Ensemble([KNN(n_neighbors=3, contamination=0.2), HBOS(contamination=0.2)], contamination=0.2).fit(X)
    np.testing.assert_array_equal(fitted.decision_scores_, theirs.decision_scores_)
    assert fitted.threshold_ == theirs.threshold_


def test_the_model_says_the_semantics_that_its_bases_leave() -> None:
    made, _ = trained("{name: Ensemble, parameters: {bases: [{name: ECOD}, {name: HBOS}]}}")
    assert made.model.metadata.semantics is Semantics.ROW
    assert made.model.metadata.algorithm.parameters == {"bases": [{"name": "ECOD"}, {"name": "HBOS"}]}


@pytest.mark.parametrize("algorithm", [SUOD, XGBOD], ids=["SUOD", "XGBOD"])
def test_the_same_rows_give_the_same_bytes(algorithm: str) -> None:
    """SUOD draws from NumPy's global generator, which is left as it was."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - the generator that SUOD draws from
    first, second = trained(algorithm)[0], trained(algorithm)[0]
    assert first.content == second.content
    assert str(np.random.get_state(legacy=False)) == str(state)  # noqa: NPY002 - the same


def test_what_cannot_be_combined_is_told_in_words() -> None:
    algorithm = "{name: Ensemble, parameters: {bases: [{name: KNN}, {name: HBOS}], combination: aom}}"
    with pytest.raises(
        FitFailed, match="Ensemble cannot be fitted on 112 rows: 2 bases cannot be dealt into 5 buckets"
    ):
        trained(algorithm)


def test_a_missing_extra_makes_the_resource_impossible_here(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: Any = None
    monkeypatch.setitem(sys.modules, "xgboost", gone)
    with pytest.raises(ResourceInvalid, match=r"needs the extra `xgboost`.*pip install 'pynomaly-operator\[xgboost\]'"):
        trained(XGBOD)
    assert ResourceInvalid.exit_code == 10
