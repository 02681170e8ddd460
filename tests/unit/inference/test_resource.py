"""A resource file is either understood whole, or refused with the field and what to do."""

from pathlib import Path

import pytest

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.features import FeatureType
from pynomaly_inference.resource import parse_resource, read_resource
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_operator.api import v1alpha1

SAMPLES = Path(__file__).parents[3] / "manifests/samples"

MINIMAL = """
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {name: pumps}
spec:
  algorithm: {name: IForest}
  training: {source: {uri: pumps.csv}}
"""

FULL = """
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata:
  name: pumps
  namespace: plant-a
  labels: {team: reliability}
spec:
  algorithm: {name: KNN, parameters: {n_neighbors: 7, method: mean}}
  contamination: 0.05
  features:
    - {name: flow, type: Number}
    - {name: zone, type: Category}
  preprocessing: {impute: Median, scale: Standard}
  training:
    source: {uri: "pvc://telemetry/pumps/*.parquet", label: is_anomaly, timestamp: at}
    holdout: 0.2
    seed: 7
    gates: {minRocAuc: 0.9, minAveragePrecision: 0.5, maxAnomalyRate: 0.2}
  serving:
    access: {apiKeys: {}}
    limits: {rows: 1000, bodyMiB: 5}
"""


def jwt(uri: str = "https://login.example.com/keys") -> str:
    return f"{{issuer: i, audience: a, jwksUri: '{uri}'}}"


def minimal(old: str, new: str) -> str:
    assert old in MINIMAL
    return MINIMAL.replace(old, new)


def ensemble(bases: str) -> str:
    return minimal("name: IForest", f"name: Ensemble, parameters: {{bases: [{bases}]}}")


def test_defaults_are_those_of_the_descriptions() -> None:
    spec = parse_resource(MINIMAL, AnomalyDetector).spec
    assert spec.contamination == 0.1
    assert spec.features is None
    assert (spec.training.seed, spec.training.held_out_share) == (0, 0.0)
    assert (spec.serving.limits.rows, spec.serving.limits.body_mib) == (100_000, 50)
    assert not spec.serving.access.anonymous


def test_every_field_is_read() -> None:
    resource = parse_resource(FULL, AnomalyDetector)
    spec = resource.spec
    assert resource.metadata.name == "pumps"
    assert spec.algorithm.parameters == {"n_neighbors": 7, "method": "mean"}
    assert [(feature.name, feature.type) for feature in spec.features or ()] == [
        ("flow", FeatureType.NUMBER),
        ("zone", FeatureType.CATEGORY),
    ]
    assert (spec.preprocessing.impute, spec.preprocessing.scale) == ("Median", "Standard")
    assert (spec.training.source.label, spec.training.source.timestamp) == ("is_anomaly", "at")
    assert (spec.training.held_out_share, spec.training.seed) == (0.2, 7)
    assert spec.training.gates.min_average_precision == 0.5
    assert spec.serving.limits.body_mib == 5


def test_bases_are_read_with_their_parameters() -> None:
    spec = parse_resource(ensemble("{name: KNN, parameters: {n_neighbors: 3}}, {name: ECOD}"), AnomalyDetector).spec
    assert spec.algorithm.parameters == {"bases": [{"name": "KNN", "parameters": {"n_neighbors": 3}}, {"name": "ECOD"}]}


def test_an_algorithm_that_learns_from_the_label_is_given_it() -> None:
    text = minimal("name: IForest", "name: XGBOD").replace("uri: pumps.csv", "uri: pumps.csv, label: y")
    assert parse_resource(text, AnomalyDetector).spec.training.source.label == "y"


def test_a_label_holds_out_three_tenths() -> None:
    spec = parse_resource(minimal("uri: pumps.csv", "uri: pumps.csv, label: y"), AnomalyDetector).spec
    assert spec.training.held_out_share == 0.3


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_sample_is_valid(sample: Path) -> None:
    assert read_resource(sample, v1alpha1.AnomalyDetector).metadata.name == sample.stem


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "one AnomalyDetector is expected, the file holds 0 documents"),
        (MINIMAL + "---" + MINIMAL, "one AnomalyDetector is expected, the file holds 2 documents"),
        ("- a", "an AnomalyDetector is expected: a mapping"),
        ("a: [", "not YAML"),
        (minimal("kind: AnomalyDetector", "kind: Detector"), "kind: Input should be 'AnomalyDetector'"),
        (minimal("v1alpha1", "v1"), "apiVersion: Input should be 'pynomaly.io/v1alpha1'"),
        (minimal("name: pumps", "name: Pumps"), "metadata.name: String should match pattern"),
        (minimal("name: pumps", "name: " + "p" * 41), "metadata.name: String should have at most 40 characters"),
        (minimal("metadata: {name: pumps}", ""), "metadata: is required"),
        (minimal("{uri: pumps.csv}", "{}"), "spec.training.source.uri: is required"),
        (
            minimal("spec:", "spec:\n  contamination: 0.1\n  contamination: 0.2"),
            "line 7: the key `contamination` is given twice: keep one",
        ),
        (
            minimal("spec:", "spec:\n  contamination: 0.7"),
            "spec.contamination: Input should be less than or equal to 0.5",
        ),
        (minimal("spec:", "spec:\n  contamination: .nan"), "a value is neither text, number"),
        (minimal("spec:", "spec:\n  contamination: '0.1'"), "spec.contamination: Input should be a valid number"),
        (
            minimal("spec:", "spec:\n  contaminaton: 0.1"),
            "spec.contaminaton: this version has no such field: did you mean `contamination`?",
        ),
        (
            minimal("training: {", "training: {schedule: {cron: '0 3 * * *'}, "),
            "spec.training.schedule: this version has no such field: there are `gates`, `holdout`, `seed`, `source`",
        ),
        (
            minimal("spec:", "spec:\n  serving: {limits: {bodyMib: 3}}"),
            "spec.serving.limits.bodyMib: this version has no such field: did you mean `bodyMiB`?",
        ),
        (minimal("spec:", "spec:\n  features: []"), "spec.features: Tuple should have at least 1 item"),
        (
            minimal("spec:", "spec:\n  features: [{name: a, type: Numeric}]"),
            "spec.features[0].type: Input should be 'Number' or 'Category'",
        ),
        (
            minimal("spec:", "spec:\n  features: [{name: a, type: Number, unit: m}]"),
            "spec.features[0].unit: this version has no such field",
        ),
        (
            minimal("spec:", "spec:\n  features: [{name: a, type: Number}, {name: a, type: Number}]"),
            "spec.features: `a` is listed 2 times: keep one",
        ),
        (
            minimal("spec:", "spec:\n  features: [{name: a, type: Category}]"),
            "spec.features: a detector needs at least one feature of type Number",
        ),
        (
            minimal("uri: pumps.csv", "uri: pumps.csv, label: a").replace(
                "spec:", "spec:\n  features: [{name: a, type: Number}]"
            ),
            "spec: features: `a` is the label or the timestamp",
        ),
        (minimal("uri: pumps.csv", "uri: pumps.csv, label: a, timestamp: a"), "`a` cannot be both label and timestamp"),
        (minimal("training: {", "training: {gates: {minRocAuc: 0.9}, "), "gates.minRocAuc needs training.source.label"),
        (minimal("training: {", "training: {holdout: 1}, "), "not YAML"),
        (
            minimal("training: {", "training: {seed: -1, "),
            "spec.training.seed: Input should be greater than or equal to 0",
        ),
        (
            minimal("spec:", "spec:\n  serving: {access: {anonymous: true, apiKeys: {}}}"),
            "spec.serving.access: apiKeys and anonymous exclude each other: remove one",
        ),
        (
            minimal("spec:", f"spec:\n  serving: {{access: {{anonymous: true, jwt: {jwt()}}}}}"),
            "spec.serving.access: jwt and anonymous exclude each other: remove one",
        ),
        *[
            (minimal("spec:", f"spec:\n  serving: {{access: {{jwt: {jwt(uri)}}}}}"), "spec.serving.access.jwt.jwksUri")
            for uri in (
                "http://login.example.com/keys",
                "http://dex.login.svc.example.com/keys",
                "https://user:secret@login.example.com/keys",
                "file:///etc/keys",
                "keys.json",
            )
        ],
        (
            minimal("name: IForest", "name: IsolationForest"),
            "spec.algorithm: unknown algorithm `IsolationForest`: did you mean `IForest`",
        ),
        (
            minimal("name: IForest", "name: zzz"),
            "unknown algorithm `zzz`: there are `ABOD`, ",
        ),
        (
            minimal("name: IForest", "name: IForest, parameters: {estimators: 3}"),
            "spec.algorithm: `IForest` has no parameter `estimators`: did you mean `n_estimators`",
        ),
        (
            minimal("name: IForest", "name: IForest, parameters: {contamination: 0.2}"),
            "move it from `algorithm.parameters` to `spec.contamination`",
        ),
        (
            minimal("name: IForest", "name: IForest, parameters: {n_estimators: ten}"),
            "spec.algorithm: parameter `n_estimators` of `IForest`: 'ten' is not of type 'integer'",
        ),
        (
            minimal("name: IForest", "name: KNN, parameters: {method: max}"),
            "spec.algorithm: parameter `method` of `KNN`: 'max' is not one of ['largest', 'mean', 'median']",
        ),
        (
            minimal("name: IForest", "name: COF"),
            "spec.algorithm: `COF` cannot be served: it keeps nothing of the training rows",
        ),
        (minimal("name: IForest", "name: Ensemble"), "spec.algorithm: `Ensemble`: 'bases' is a required property"),
        (
            ensemble("{name: KNN}, {name: KNN, parameters: {n_neighbors: 0}}"),
            "spec.algorithm: parameter `bases[1].parameters.n_neighbors` of `KNN`: 0 is less than the minimum of 1",
        ),
        (
            ensemble("{name: KNN, parameters: {neighbors: 3}}"),
            "spec.algorithm: `KNN` has no parameter `bases[0].parameters.neighbors`: did you mean `n_neighbors`?",
        ),
        (
            ensemble("{name: KNNN}"),
            "spec.algorithm: `bases[0].name`: unknown algorithm `KNNN`: did you mean `KNN`",
        ),
        (ensemble("{name: SOS}"), "spec.algorithm: `bases[0].name`: `SOS` cannot be served: it keeps nothing"),
        (
            ensemble("{name: KNN, parameters: {contamination: 0.3}}"),
            "spec.algorithm: `bases[0].parameters.contamination`: only the whole has a threshold: remove it",
        ),
        (
            ensemble("{name: XGBOD}"),
            "spec.algorithm: `bases[0].name`: `XGBOD` learns from the label, which no detector passes to its bases",
        ),
        (
            ensemble("{name: KNN, params: {}}"),
            "spec.algorithm: parameter `bases[0]` of `Ensemble`: Additional properties are not allowed ('params' was",
        ),
        (
            ensemble(
                "{name: Ensemble, parameters: {bases: [{name: FeatureBagging, parameters: "
                "{base_estimator: {name: HBOS, parameters: {n_bins: 2}}}}]}}"
            ),
            "parameter `bases[0].parameters.bases[0].parameters.base_estimator.parameters.n_bins` of `HBOS`: 2 is not",
        ),
        (
            minimal("name: IForest", "name: XGBOD"),
            "spec: `XGBOD` learns from the label: name the label's column in `training.source.label`",
        ),
        (
            minimal("name: IForest", "name: MAD").replace(
                "spec:", "spec:\n  features: [{name: a, type: Number}, {name: b, type: Number}]"
            ),
            "spec: `MAD` takes one feature, not 2: list it in `features`",
        ),
    ],
)
def test_a_mistake_is_named(text: str, sentence: str) -> None:
    with pytest.raises(ResourceInvalid) as refused:
        parse_resource(text, AnomalyDetector)
    assert sentence in str(refused.value)


def test_every_mistake_is_listed_on_a_line_of_its_own() -> None:
    text = minimal("spec:", "spec:\n  contamination: 7\n  wat: 1")
    with pytest.raises(ResourceInvalid) as refused:
        parse_resource(text, AnomalyDetector)
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["spec.contamination", "spec.wat"]


def test_a_date_stays_text() -> None:
    assert (
        parse_resource(minimal("uri: pumps.csv", "uri: 2026-01-01"), AnomalyDetector).spec.training.source.uri
        == "2026-01-01"
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceInvalid, match=r"cannot read `.*missing.yaml`: No such file"):
        read_resource(tmp_path / "missing.yaml", AnomalyDetector)
    (tmp_path / "model.onnx").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResourceInvalid, match="no UTF-8 text"):
        read_resource(tmp_path / "model.onnx", AnomalyDetector)


def test_a_wrong_feature_is_the_only_mistake_told() -> None:
    with pytest.raises(ResourceInvalid) as refused:
        parse_resource(minimal("spec:", "spec:\n  features: [{name: a, type: Numeric}]"), AnomalyDetector)
    assert str(refused.value) == "spec.features[0].type: Input should be 'Number' or 'Category'"


def test_where_nothing_may_stand_that_is_said() -> None:
    with pytest.raises(ResourceInvalid, match=r"apiKeys\.x: this version has no such field: there is none: remove it"):
        parse_resource(minimal("spec:", "spec:\n  serving: {access: {apiKeys: {x: 1}}}"), AnomalyDetector)
