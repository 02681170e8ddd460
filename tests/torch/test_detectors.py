"""What is particular to single networks: what their contributions are, what PyOD gets wrong, what is refused."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.ae1svm import AE1SVM
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.deep_svdd import DeepSVDD
from pyod.models.lunar import LUNAR
from pyod.models.so_gaal import SO_GAAL
from pyod.models.vae import VAE
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import StandardScaler
from tests.converters.proving import fitted
from tests.torch.builds.networks import BUILDS

import torch
from pynomaly_inference.convert import declarations, to_onnx
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS
from pynomaly_inference.errors import NotConvertible

X = np.random.default_rng(0).standard_normal((60, 4))
Y = (np.arange(60) % 10 == 0).astype(np.int64)
NEW = np.random.default_rng(1).standard_normal((20, 4)) * 3
Run = Callable[[onnx.ModelProto, NDArray[np.float64]], dict[str, Any]]
NETWORKS = [declaration for declaration in declarations() if declaration.extra == "torch"]


def of(name: str) -> Any:
    return fitted(BUILDS[name], X, Y)


def test_every_network_is_in_the_matrix() -> None:
    assert {declaration.name for declaration in NETWORKS} == {name.partition(",")[0] for name in BUILDS}


@pytest.mark.parametrize("declaration", NETWORKS, ids=lambda declaration: declaration.name)
def test_every_parameter_declared_is_one_of_pyods(declaration: Declaration) -> None:
    assert set(declaration.parameters) < set(inspect.signature(declaration.detector_class()).parameters)


@pytest.mark.parametrize("name", ["AutoEncoder", "AutoEncoder, plain", "AE1SVM", "VAE"])
def test_contributions_are_squared_residuals_and_sum_to_the_squared_score(run: Run, name: str) -> None:
    detector = of(name)
    outputs = run(to_onnx(detector), NEW)
    assert outputs["contributions"].sum(axis=1) == pytest.approx(outputs["score"] ** 2, rel=1e-12)
    scaled = name != "AutoEncoder, plain"
    z = (NEW - X.mean(axis=0)) / (X.std(axis=0) + 1e-8) if scaled else NEW
    model = detector.model.eval()
    with torch.no_grad():
        hidden = model.encoder(torch.tensor(z, dtype=torch.float32))
        reconstructed = model.decoder(model.encoder_mu(hidden) if name == "VAE" else hidden).numpy()
    assert outputs["contributions"] == pytest.approx((z - reconstructed) ** 2, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", ["AE1SVM", "DevNet"])
def test_pyod_cannot_score_one_row_and_the_graph_can(run: Run, name: str) -> None:
    detector = of(name)
    with pytest.raises((TypeError, ValueError), match=r"sequence|0-dimensional|scalar"):
        detector.decision_function(NEW[:1])
    model = to_onnx(detector)
    assert run(model, NEW[:1])["score"] == pytest.approx(run(model, NEW)["score"][:1], rel=1e-12)


@pytest.mark.parametrize("name", ["VAE", "ALAD"])
def test_pyod_scores_the_same_row_differently_each_time_and_the_graph_does_not(run: Run, name: str) -> None:
    detector = of(name)
    assert not np.array_equal(detector.decision_function(NEW), detector.decision_function(NEW))
    model = to_onnx(detector)
    assert np.array_equal(run(model, NEW)["score"], run(model, NEW)["score"])
    assert not np.array_equal(detector.decision_function(NEW), detector.decision_function(NEW))


def test_anogan_compares_every_row_with_one_generated_row(run: Run) -> None:
    detector = of("AnoGAN")
    detector.query_model.eval()
    with torch.no_grad():
        _, generated, output = detector.query_model(torch.zeros((1, 2)))
        own = detector.discriminator(torch.tensor(NEW, dtype=torch.float32))
    theirs = np.abs(NEW - generated.numpy()).mean(axis=1) + np.abs((own - output).numpy()).ravel()
    assert run(to_onnx(detector), NEW)["score"] == pytest.approx(theirs, rel=1e-5)


def test_a_certain_discriminator_labels_no_training_row_as_in_pyod(run: Run) -> None:
    rows = X * 1e4
    torch.manual_seed(1)
    detector = SO_GAAL(stop_epochs=5).fit(np.abs(rows))
    detector.discriminator.layer2.bias.data -= 200.0
    detector.decision_scores_ = detector.decision_function(np.abs(rows))
    detector._process_decision_scores()  # noqa: SLF001 - as PyOD's fit does
    outputs = run(to_onnx(detector), np.abs(rows))
    assert detector.threshold_ == 0.0
    assert outputs["label"].tolist() == detector.labels_.tolist()


def test_a_training_row_of_lunar_is_at_distance_zero_from_itself_whatever_the_offset(run: Run) -> None:
    """PyOD scales in single precision, where an offset leaves few digits: so does the graph, to the last bit."""
    detector = LUNAR(n_epochs=3, n_neighbours=1, random_state=0).fit(X + 1e6)
    among = {tuple(row) for row in detector.neigh._fit_X.tolist()}  # noqa: SLF001 - published nowhere else
    scaled = detector.scaler_.transform((X + 1e6).astype(np.float32))
    own = np.array([tuple(row) in among for row in scaled.tolist()])
    assert own.sum() > 50
    scores = run(to_onnx(detector), X + 1e6)["score"]
    assert len(np.unique(scores[own])) == 1
    assert len(np.unique(scores)) > 1


@pytest.mark.parametrize("metric", [*METRICS, *BRUTE_METRICS])
def test_lunar_scores_by_every_metric_declared(run: Run, metric: str) -> None:
    ones = metric in {"hamming", "jaccard", "rogerstanimoto"}
    rows, new = (values > 0 if ones else values for values in (X, NEW))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)  # scikit-learn, of what is not boolean
        detector = LUNAR(n_epochs=3, metric=metric, p=3, random_state=0).fit(rows.astype(np.float64))
        theirs = detector.decision_function(new.astype(np.float64))
    assert run(to_onnx(detector), new.astype(np.float64))["score"] == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("centre", [0.5, (0.5, -0.5), np.array([0.5, -0.5])], ids=["number", "tuple", "array"])
def test_a_centre_is_taken_as_pyod_takes_it(run: Run, centre: Any) -> None:
    detector = DeepSVDD(4, c=centre, hidden_neurons=(3, 2), epochs=2, verbose=0, random_state=0).fit(X)
    assert run(to_onnx(detector), NEW)["score"] == pytest.approx(detector.decision_function(NEW), rel=1e-5)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (AE1SVM, "the AE1SVM is not fitted: call `fit` first"),
        (lambda: LUNAR(scaler=StandardScaler(), n_epochs=1).fit(X), "parameter `scaler` of LUNAR: False was expected"),
        (lambda: LUNAR(metric_params={"w": np.ones(4)}, n_epochs=1).fit(X), "LUNAR was built with `metric_params="),
        (lambda: setattr_after_fit(VAE(epoch_num=1, verbose=0), use_compile=True), "VAE was built with `use_compile="),
        (
            lambda: setattr_after_fit(AutoEncoder(epoch_num=1, verbose=0), hidden_activation_name="gelu"),
            "parameter `hidden_activation_name` of AutoEncoder: 'gelu' is not one of",
        ),
    ],
    ids=["unfitted", "scaler", "metric", "compiled", "activation"],
)
def test_what_cannot_be_converted_says_why(detector: Callable[[], Any], message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        to_onnx(detector())


def setattr_after_fit(detector: Any, **parameters: Any) -> Any:
    """Fitted, then with other parameters: without a compiler or the activation, PyOD cannot fit with them."""
    return detector.fit(X).set_params(**parameters)
