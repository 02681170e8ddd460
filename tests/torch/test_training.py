"""A resource with a network: its seed decides, nothing is printed, a frozen detector's threshold is of its scores."""

from typing import Any

import numpy as np
import pytest
from tests.unit.inference.training.test_train import resource, table, trained

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert import declaration_of, reference_scores
from pynomaly_inference.features import FeatureType
from pynomaly_inference.resource import parse_resource
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_inference.training.fit import fit_spec

X = np.random.default_rng(0).standard_normal((60, 4))
Y = (np.arange(60) % 10 == 0).astype(np.int64)
FEW = {
    "AE1SVM": "epochs: 2",
    "ALAD": "epochs: 10",
    "AnoGAN": "epochs: 1, epochs_query: 1",
    "AutoEncoder": "epoch_num: 1",
    "DeepSVDD": "epochs: 1",
    "DevNet": "epochs: 1",
    "LUNAR": "n_epochs: 3",
    "MO_GAAL": "stop_epochs: 1, k: 2",
    "SO_GAAL": "stop_epochs: 1",
    "VAE": "epoch_num: 1",
}


def text(name: str, seed: int) -> str:
    source = f", seed: {seed}"
    written = resource(f"{{name: {name}, parameters: {{{FEW[name]}}}}}", source)
    return written.replace("unused.csv", "unused.csv, label: y") if name == "DevNet" else written


@pytest.mark.parametrize("name", FEW)
def test_the_seed_decides_and_nothing_is_printed(capfd: pytest.CaptureFixture[str], name: str) -> None:
    data = table(X, Y if name == "DevNet" else None)
    first = trained(text(name, seed=1), data).content
    assert capfd.readouterr() == ("", "")
    assert trained(text(name, seed=1), data).content == first
    assert trained(text(name, seed=2), data).content != first


@pytest.mark.parametrize("name", ["VAE", "ALAD"])
def test_a_frozen_detectors_threshold_is_of_the_scores_that_are_served(name: str) -> None:
    spec = parse_resource(text(name, seed=0), AnomalyDetector).spec
    features = tuple((f"x{column}", FeatureType.NUMBER) for column in range(X.shape[1]))
    detector: Any = fit_spec(spec, features, Rows(X), None).detector
    assert detector.decision_scores_ == pytest.approx(reference_scores(detector, X), rel=1e-12)
    assert detector.threshold_ == pytest.approx(np.percentile(detector.decision_scores_, 90))


COMPOSITES = {
    "Ensemble": "bases: [{name: VAE, parameters: {epoch_num: 1}}, {name: HBOS}]",
    "Ensemble of an ensemble": "bases: [{name: Ensemble, parameters: {bases: [{name: ALAD}]}}]",
    "FeatureBagging": "base_estimator: {name: VAE, parameters: {epoch_num: 1}}, n_estimators: 2",
    "SUOD": "base_estimators: [{name: VAE, parameters: {epoch_num: 1}}, {name: HBOS}]",
}


@pytest.mark.parametrize("composite", COMPOSITES)
def test_the_threshold_of_a_composite_of_drawn_scores_is_of_those_that_are_served(composite: str) -> None:
    algorithm = f"{{name: {composite.split(maxsplit=1)[0]}, parameters: {{{COMPOSITES[composite]}}}}}"
    spec = parse_resource(resource(algorithm), AnomalyDetector).spec
    features = tuple((f"x{column}", FeatureType.NUMBER) for column in range(X.shape[1]))
    detector: Any = fit_spec(spec, features, Rows(X), None).detector
    assert declaration_of(detector).semantics is Semantics.FROZEN
    assert detector.decision_scores_ == pytest.approx(reference_scores(detector, X), rel=1e-9)
    assert detector.threshold_ == pytest.approx(np.percentile(detector.decision_scores_, 90))
    if "FeatureBagging" not in composite:
        # Standardised over the training rows, which mean nothing else.
        assert detector.decision_scores_.mean() == pytest.approx(0, abs=1e-9)


def test_a_network_is_a_base_of_a_composite_like_any_detector() -> None:
    base = "{name: AutoEncoder, parameters: {epoch_num: 1}}"
    algorithm = f"{{name: FeatureBagging, parameters: {{base_estimator: {base}, n_estimators: 3}}}}"
    model = trained(resource(algorithm), table(X, None)).model
    assert max(case.worst for case in model.metadata.parity.cases.values()) <= 1
