"""The whole graph: its inputs, outputs, labels at the threshold, probabilities and metadata."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA

from pynomaly_inference.bundle import Metadata, parse_metadata, tolerance
from pynomaly_inference.convert import attach, score_scale, to_onnx
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.errors import NotConvertible
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Any], dict[str, Any]]

BUILDS: dict[str, Callable[[], Any]] = {
    "ECOD": ECOD,
    "HBOS": HBOS,
    "IForest": lambda: IForest(n_estimators=10, random_state=0),
    "KNN": KNN,
    "PCA": PCA,
}
"""Each test builds its own: PyOD's ECOD scores the rows of a second fit among those of the first."""


def training(columns: int = 3) -> Matrix:
    return np.random.default_rng(0).standard_normal((200, columns))


def metadata() -> Metadata:
    return Metadata.model_validate(
        {
            "name": "shuttle",
            "algorithm": {"name": "HBOS", "parameters": {}},
            "semantics": "exact",
            "explains": True,
            "keepsTrainingRows": False,
            "missingValues": False,
            "features": [{"name": "flow", "type": "Number"}],
            "contamination": 0.1,
            "threshold": 1.0,
            "scoreScale": 1.0,
            "scoreQuantiles": [1.0] * 9,
            "evaluation": {"rows": 1, "heldOut": False, "anomalyRate": 0.0},
            "parity": {"reference": "PyOD", "tolerance": 1e-9, "cases": {}, "rowsWithinThresholdBand": 0},
            "golden": {"numbers": [[1.0]], "categories": None, "scores": [1.0]},
            "chunk": None,
            "trainingRows": 200,
            "dataFingerprint": "0" * 64,
            "versions": {"pyod": "3"},
        }
    )


@pytest.mark.parametrize("name", BUILDS)
def test_every_output_has_its_name_type_and_a_dynamic_number_of_rows(name: str) -> None:
    session = ort.InferenceSession(to_onnx(BUILDS[name]().fit(training())).SerializeToString())
    assert [(value.name, value.type, value.shape) for value in session.get_inputs()] == [
        ("X", "tensor(double)", ["n", 3])
    ]
    assert [(value.name, value.type, value.shape) for value in session.get_outputs()] == [
        ("score", "tensor(double)", ["n"]),
        ("label", "tensor(int64)", ["n"]),
        ("probability", "tensor(double)", ["n"]),
        ("probability_unify", "tensor(double)", ["n"]),
        ("contributions", "tensor(double)", ["n", 3]),
    ]


@pytest.mark.parametrize("name", BUILDS)
def test_the_same_detector_gives_the_same_bytes(name: str) -> None:
    def write() -> bytes:
        return bytes(attach(to_onnx(BUILDS[name]().fit(training())), metadata()))

    assert write() == write()


@pytest.mark.parametrize("name", sorted(BUILDS.keys() - {"ECOD"}))
def test_labels_and_probabilities_are_pyods(run: Run, name: str) -> None:
    detector = BUILDS[name]().fit(training())
    rows = training() * 2
    outputs = run(to_onnx(detector), rows)
    assert outputs["label"].tolist() == detector.predict(rows).tolist()
    assert 0 < outputs["label"].sum() < len(rows)
    assert outputs["probability"] == pytest.approx(detector.predict_proba(rows)[:, 1], abs=1e-12)
    # ONNX Runtime has the error function in float32 only.
    assert outputs["probability_unify"] == pytest.approx(detector.predict_proba(rows, method="unify")[:, 1], abs=2e-7)


@pytest.mark.parametrize("steps", [0.0, 0.5, 0.9, 1.1, 3.0])
def test_a_score_counts_as_above_the_threshold_only_beyond_the_tolerance(run: Run, steps: float) -> None:
    """PyOD's threshold often is a training score: a last bit must not decide."""
    detector = KNN(n_neighbors=1).fit(np.arange(40.0)[:, None] * 2.0)
    detector.threshold_ = 1.0
    far = 1.0 + steps * tolerance(1.0, score_scale(detector))
    outputs = run(to_onnx(detector), np.array([[78.0 + far]]))
    assert outputs["label"].tolist() == [int(steps > 1)]


def test_scores_that_are_all_equal_have_pyods_probability(run: Run) -> None:
    """MinMaxScaler divides by 1 where the range is 0."""
    detector = KNN(n_neighbors=1).fit(np.arange(40.0)[:, None])
    rows = np.array([[0.0], [41.5], [0.25]])
    assert run(to_onnx(detector), rows)["probability"].tolist() == detector.predict_proba(rows)[:, 1].tolist()


def test_contributions_of_one_hot_columns_are_summed_into_their_feature(run: Run) -> None:
    features = (("zone", FeatureType.CATEGORY), ("flow", FeatureType.NUMBER), ("kind", FeatureType.CATEGORY))
    preprocessing = Preprocessing(features, levels=(("a", "b", "c"), ("p", "q")))
    random = np.random.default_rng(0)
    categories = np.stack([random.choice(["a", "b", "c"], 100), random.choice(["p", "q"], 100)], axis=1).astype(object)
    rows = Rows(random.standard_normal((100, 1)), categories)
    matrix = preprocessing.transform(rows)
    detector = HBOS().fit(matrix)
    by_column = run(to_onnx(detector), matrix)["contributions"]
    outputs = run(to_onnx(detector, preprocessing=preprocessing), rows)
    expected = np.stack([by_column[:, 1:4].sum(axis=1), by_column[:, 0], by_column[:, 4:].sum(axis=1)], axis=1)
    assert outputs["contributions"] == pytest.approx(expected, rel=1e-12)
    assert outputs["score"] == pytest.approx(detector.decision_function(matrix), rel=1e-12)


def test_a_graph_scores_no_rows(run: Run) -> None:
    for build in BUILDS.values():
        outputs = run(to_onnx(build().fit(training())), np.empty((0, 3)))
        assert outputs["score"].shape == (0,)
        assert outputs["contributions"].shape == (0, 3)


def test_metadata_can_be_read_back_and_replaced() -> None:
    model = to_onnx(HBOS().fit(training(1)))
    once = onnx.load_model_from_string(attach(model, metadata()))
    twice = attach(once, metadata().model_copy(update={"name": "other"}))
    properties = ort.InferenceSession(twice).get_modelmeta().custom_metadata_map
    assert parse_metadata(properties["pynomaly"]).name == "other"
    assert "pynomaly" not in {entry.key for entry in model.metadata_props}


def test_names_and_preprocessing_must_be_of_the_columns_fitted_on() -> None:
    detector = HBOS().fit(training())
    assert to_onnx(detector, ["a", "b", "c"]).graph.input[0].doc_string == "a, b, c"
    with pytest.raises(NotConvertible, match="`feature_names` has 2 names: the detector was fitted on 3 columns"):
        to_onnx(detector, ["a", "b"])
    with pytest.raises(NotConvertible, match="give `feature_names` or `preprocessing`"):
        to_onnx(detector, ["a", "b", "c"], Preprocessing.none(["a", "b", "c"]))
    with pytest.raises(NotConvertible, match="HBOS was fitted on 3 columns, not on 2"):
        to_onnx(detector, preprocessing=Preprocessing.none(["a", "b"]))
