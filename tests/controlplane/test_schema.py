import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.kubectl import Kubectl
from tests.controlplane.conftest import CRD
from tests.controlplane.detectors import Detector

SAMPLES = sorted((CRD.parents[1] / "manifests" / "samples").glob("*.yaml"))
REMOVED = object()
SOURCE = "training.source"
LONG = "x" * 254
JWT = {"issuer": "https://login.example.com/", "audience": "a", "jwksUri": "https://login.example.com/keys"}

# What is changed in a valid resource -> words of the sentence that refuses it, among them the field's name.
INVALID: list[tuple[str, Any, tuple[str, ...]]] = [
    ("algorithm", REMOVED, ("spec.algorithm", "Required")),
    ("algorithm.name", REMOVED, ("spec.algorithm.name", "Required")),
    ("algorithm.name", 7, ("spec.algorithm.name", "must be of type string")),
    ("algorithm.name", "not a class", ("spec.algorithm.name", "should match")),
    ("algorithm.name", "I" * 65, ("spec.algorithm.name", "Too long")),
    ("algorithm.parameters", [1], ("spec.algorithm.parameters", "must be of type object")),
    ("algorithm.version", "1", ("spec.algorithm.version", "unknown field")),
    ("contamination", 0, ("spec.contamination", "greater than 0")),
    ("contamination", 0.51, ("spec.contamination", "less than or equal to 0.5")),
    ("contamination", "0.1", ("spec.contamination", "must be of type number")),
    ("features", [], ("spec.features", "at least 1")),
    ("features", [{"name": "x"}], ("spec.features[0].type", "Required")),
    ("features", [{"type": "Number"}], ("spec.features[0].name", "Required")),
    ("features", [{"name": "", "type": "Number"}], ("spec.features[0].name", "at least 1")),
    ("features", [{"name": LONG, "type": "Number"}], ("spec.features[0].name", "Too long")),
    ("features", [{"name": "x", "type": "Text"}], ("spec.features[0].type", '"Number", "Category"')),
    ("features", [{"name": "x", "type": "Category"}], ("spec.features", "at least one feature of type Number")),
    (
        "features",
        [{"name": "x", "type": "Number"}, {"name": "x", "type": "Category"}],
        ("spec.features[1]", "Duplicate value", '"x"'),
    ),
    ("features", [{"name": "y", "type": "Number"}], ("features must not list", "training.source.label")),
    ("features", [{"name": "t", "type": "Number"}], ("features must not list", "training.source.timestamp")),
    ("features", [{"name": f"f{n}", "type": "Number"} for n in range(2001)], ("spec.features", "Too many")),
    ("preprocessing.impute", "Zero", ("spec.preprocessing.impute", '"Mean", "Median"')),
    ("preprocessing.scale", "None", ("spec.preprocessing.scale", '"Standard", "MinMax", "Robust"')),
    ("training", REMOVED, ("spec.training", "Required")),
    (SOURCE, REMOVED, ("spec.training.source", "Required")),
    (f"{SOURCE}.uri", REMOVED, ("spec.training.source.uri", "Required")),
    (f"{SOURCE}.uri", "", ("spec.training.source.uri", "at least 1")),
    (f"{SOURCE}.uri", "data/rows.csv", ("spec.training.source.uri", "pvc://CLAIM/PATH")),
    (f"{SOURCE}.uri", "/data/rows.csv", ("spec.training.source.uri", "command line")),
    (f"{SOURCE}.uri", "file:///data/rows.csv", ("spec.training.source.uri", "command line")),
    (f"{SOURCE}.uri", "s3://bucket", ("spec.training.source.uri", "s3://BUCKET/KEY")),
    (f"{SOURCE}.uri", "s3://key:s3cret@bucket/rows.csv", ("spec.training.source.uri", "without user and password")),
    (f"{SOURCE}.uri", "abfs://data:key@plant.dfs.core.windows.net/a.csv", ("spec.training.source.uri", "password")),
    (f"{SOURCE}.uri", "postgresql://ann:s3cret@db/plant", ("spec.training.source.uri", "without user and password")),
    (f"{SOURCE}.uri", "postgresql://db/plant?password=s3cret", ("spec.training.source.uri", "postgresql://HOST")),
    (f"{SOURCE}.uri", "postgresql://db/plant", ("spec.training.source", "needs query")),
    (f"{SOURCE}.query", "SELECT 1", ("spec.training.source", "no other uri has one")),
    (f"{SOURCE}.credentials", "Ware_house", ("spec.training.source.credentials", "should match")),
    (SOURCE, {"uri": "pvc://telemetry/rows.csv", "credentials": "warehouse"}, ("spec.training.source", "network")),
    (f"{SOURCE}.uri", "pvc://telemetry", ("spec.training.source.uri", "pvc://CLAIM/PATH")),
    (f"{SOURCE}.uri", "pvc://Tele_metry/rows.csv", ("spec.training.source.uri", "pvc://CLAIM/PATH")),
    (f"{SOURCE}.uri", "configmap://../rows.csv", ("spec.training.source.uri", "configmap://NAME/KEY")),
    (f"{SOURCE}.uri", "pvc://telemetry/../other/rows.csv", ("spec.training.source.uri", "must not contain `..`")),
    (f"{SOURCE}.uri", "https://user:password@example.com/x", ("spec.training.source.uri", "user and password")),
    (f"{SOURCE}.uri", "https://example.com/" + "x" * 2048, ("spec.training.source.uri", "Too long")),
    (f"{SOURCE}.label", "", ("spec.training.source.label", "at least 1")),
    (f"{SOURCE}.timestamp", "y", ("spec.training.source", "both label and timestamp")),
    ("training.holdout", 0.95, ("spec.training.holdout", "less than or equal to 0.9")),
    ("training.holdout", -0.1, ("spec.training.holdout", "greater than or equal to 0")),
    ("training.seed", -1, ("spec.training.seed", "greater than or equal to 0")),
    ("training.seed", 1.5, ("spec.training.seed", "must be of type integer")),
    ("training.seed", 2**32, ("spec.training.seed", "less than 4294967296")),
    ("training.timeout", "half an hour", ("spec.training.timeout", "should match")),
    ("training.timeout", "30", ("spec.training.timeout", "should match")),
    ("training.timeout", "0s", ("spec.training.timeout", "at least 1s")),
    ("training.timeout", 1800, ("spec.training.timeout", "must be of type string")),
    ("training.gates", {"minRocAuc": 1.5}, ("spec.training.gates.minRocAuc", "less than or equal to 1")),
    ("training.gates", {"maxAnomalyRate": -0.1}, ("spec.training.gates.maxAnomalyRate", "greater than or equal to 0")),
    ("training.resources", {"requests": {"cpu": "much"}}, ("spec.training.resources.requests.cpu", "should match")),
    ("training.resources", {"requests": {"cpu": 0.5}}, ("spec.training.resources.requests.cpu", "integer,string")),
    (
        "training.resources",
        {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}},
        ("spec.training.resources", "requests.cpu must not be more than limits.cpu"),
    ),
    (
        "serving.resources",
        {"requests": {"memory": "2Gi"}, "limits": {"memory": "1024Mi"}},
        ("spec.serving.resources", "requests.memory must not be more than limits.memory"),
    ),
    ("serving.resources", {"limits": {"nvidia.com/gpu": 1}}, ("limits.nvidia.com/gpu", "unknown field")),
    ("serving.replicas.min", 0, ("spec.serving.replicas.min", "greater than or equal to 1")),
    ("serving.replicas.min", 101, ("spec.serving.replicas.min", "less than or equal to 100")),
    ("serving.replicas.min", "2", ("spec.serving.replicas.min", "must be of type integer")),
    ("serving.replicas.max", 0, ("spec.serving.replicas.max", "greater than or equal to 1")),
    ("serving.replicas.max", 1001, ("spec.serving.replicas.max", "less than or equal to 1000")),
    (
        "serving.replicas",
        {"min": 3, "max": 2},
        ("spec.serving.replicas", "replicas.min must not be more than", "replicas.max"),
    ),
    ("serving.replicas.cpu", 0, ("spec.serving.replicas.cpu", "greater than or equal to 1")),
    ("serving.replicas.cpu", "70%", ("spec.serving.replicas.cpu", "must be of type integer")),
    ("serving.replicas.memory", 1001, ("spec.serving.replicas.memory", "less than or equal to 1000")),
    ("serving.replicas.target", 5, ("spec.serving.replicas.target", "unknown field")),
    (
        "serving",
        {"replicas": {"max": 3}, "resources": {"requests": {"memory": "1Gi"}}},
        ("spec.serving", "share of serving.resources.requests.cpu: set it"),
    ),
    (
        "serving",
        {"replicas": {"max": 3, "memory": 80}, "resources": {"limits": {"cpu": 1}}},
        ("spec.serving", "share of serving.resources.requests.memory: set it"),
    ),
    ("network", {"allowFrom": [{}]}, ("spec.network.allowFrom[0].namespace", "Required")),
    ("network", {"allowFrom": [{"namespace": "Mon_itoring"}]}, ("spec.network.allowFrom[0].namespace", "should match")),
    ("network", {"allowFrom": [{"namespace": "n" * 64}]}, ("spec.network.allowFrom[0].namespace", "Too long")),
    ("network", {"allowFrom": [{"cidr": "10.0.0.0/8"}]}, ("allowFrom[0].cidr", "unknown field")),
    ("network", {"allowFrom": [{"namespace": "n"}] * 33}, ("spec.network.allowFrom", "Too many")),
    ("network", {"allowTo": [{"port": 5432}]}, ("spec.network.allowTo", "either cidr or namespace")),
    (
        "network",
        {"allowTo": [{"cidr": "10.0.0.0/8", "namespace": "n", "port": 1}]},
        ("spec.network.allowTo", "either cidr or namespace"),
    ),
    ("network", {"allowTo": [{"cidr": "10.0.0.0/8"}]}, ("spec.network.allowTo[0].port", "Required")),
    ("network", {"allowTo": [{"cidr": "10.0.0.0/8", "port": 65536}]}, ("allowTo[0].port", "less than or equal to")),
    ("network", {"allowTo": [{"cidr": "10.0.0.256/32", "port": 1}]}, ("network.allowTo", "must be a network")),
    ("network", {"allowTo": [{"cidr": "10.0.0.0", "port": 1}]}, ("network.allowTo", "must be a network")),
    ("network", {"allowTo": [{"cidr": "10.0.0.0/33", "port": 1}]}, ("network.allowTo", "must be a network")),
    ("network", {"allowTo": [{"cidr": "fd00::/129", "port": 1}]}, ("network.allowTo", "must be a network")),
    ("network", {"allowTo": [{"cidr": "db.example.com/32", "port": 1}]}, ("network.allowTo", "must be a network")),
    ("network", {"podSelector": {}}, ("spec.network.podSelector", "unknown field")),
    ("serving.limits", {"rows": 0}, ("spec.serving.limits.rows", "greater than or equal to 1")),
    ("serving.limits", {"bodyMiB": 1025}, ("spec.serving.limits.bodyMiB", "less than or equal to 1024")),
    ("serving.limits", {"requestsPerMinute": 0}, ("serving.limits.requestsPerMinute", "greater than or equal to 1")),
    ("network", {"allowHosts": ["a_b"]}, ("network.allowHosts[0]", "should match")),
    ("network", {"allowOrigins": ["https://app.example.com/"]}, ("network.allowOrigins[0]", "should match")),
    ("network", {"trustedProxies": ["proxy.example.com"]}, ("network.trustedProxies", "must be a network")),
    ("serving.access", {"apiKeys": {}, "anonymous": True}, ("access.apiKeys", "access.anonymous", "exclude")),
    ("serving.access", {"jwt": JWT, "anonymous": True}, ("access.jwt", "access.anonymous", "exclude")),
    ("serving.access", {"jwt": {**JWT, "jwksUri": "http://login.example.com"}}, ("access.jwt.jwksUri", "should match")),
    ("serving.access", {"jwt": {**JWT, "algorithm": "HS256"}}, ("spec.serving.access.jwt.algorithm", "unknown field")),
    ("serving.access", {"apiKeys": {"value": "secret"}}, ("spec.serving.access.apiKeys.value", "unknown field")),
    ("serving.podTemplate", {}, ("spec.serving.podTemplate", "unknown field")),
    ("suspend", "yes", ("spec.suspend", "must be of type boolean")),
    ("image", "evil:1", ("spec.image", "unknown field")),
]
INVALID_NAMES = ["1shuttle", "shuttle.v2", "s" * 41, "shuttle-"]
GATES_WITHOUT_LABEL = ["minRocAuc", "minAveragePrecision"]


def test_at_least_forty_mistakes_are_tried() -> None:
    assert len(INVALID) + len(INVALID_NAMES) + len(GATES_WITHOUT_LABEL) >= 40


@pytest.mark.parametrize(("path", "value", "words"), INVALID, ids=[f"{p}-{n}" for n, (p, _, _) in enumerate(INVALID)])
def test_a_mistake_is_refused_with_a_sentence_that_names_its_field(
    refused_detector: Detector, path: str, value: Any, words: tuple[str, ...]
) -> None:
    manifest = {**refused_detector.manifest(), "spec": _changed(path, value)}

    sentence = refused_detector.refused(manifest)

    assert all(word in sentence for word in words), sentence


@pytest.mark.parametrize("name", INVALID_NAMES)
def test_a_name_that_children_could_not_carry_is_refused(refused_detector: Detector, name: str) -> None:
    manifest = refused_detector.manifest()
    manifest["metadata"]["name"] = name

    assert "metadata.name" in refused_detector.refused(manifest)


@pytest.mark.parametrize("gate", GATES_WITHOUT_LABEL)
def test_a_gate_that_needs_a_label_is_refused_without_one(refused_detector: Detector, gate: str) -> None:
    training = {"source": {"uri": "https://example.com/rows.csv"}, "gates": {gate: 0.9}}

    assert f"gates.{gate} needs training.source.label" in refused_detector.refused(
        refused_detector.manifest(training=training)
    )


def test_the_largest_legal_resource_is_within_the_budget_of_the_rules(unapplied: Detector) -> None:
    features = [{"name": f"{n:0253}", "type": "Number"} for n in range(2000)]

    unapplied.kubectl("apply", "--server-side", "--filename=-", given=json.dumps(unapplied.manifest(features=features)))

    assert len(unapplied.read()["spec"]["features"]) == 2000


def test_what_is_left_out_stays_left_out_but_for_the_number_of_pods(unapplied: Detector) -> None:
    unapplied.apply()

    found = unapplied.read()

    assert found["spec"] == {**unapplied.manifest()["spec"], "serving": {"replicas": {"min": 1}}}
    assert found["status"]["observedGeneration"] == -1


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.stem for sample in SAMPLES])
def test_every_sample_is_accepted_as_it_stands(refused_detector: Detector, sample: Path) -> None:
    done = refused_detector.kubectl("create", "--dry-run=server", f"--filename={sample}")

    assert "created (server dry run)" in done


def test_the_columns_of_kubectl_get_are_those_that_matter(unapplied: Detector) -> None:
    unapplied.apply()

    lines = unapplied.kubectl("get", "ad", unapplied.here).splitlines()

    assert lines[0].split() == ["NAME", "ALGORITHM", "VERSION", "READY", "REASON", "REPLICAS", "AGE"]
    assert lines[1].split()[:2] == ["shuttle", "IForest"]


def test_the_definition_is_small_enough_for_any_client_and_explains_every_field(kubectl: Kubectl) -> None:
    assert CRD.stat().st_size < 100 * 1024
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(_unexplained(schema, "")) == [".metadata"], "Kubernetes allows no description there"
    assert "Share of the training rows" in kubectl("explain", "ad.spec.contamination")


def _unexplained(schema: dict[str, Any], path: str) -> Any:
    for name, child in schema.get("properties", {}).items():
        if "description" not in child:
            yield f"{path}.{name}"
        yield from _unexplained(child, f"{path}.{name}")
        yield from _unexplained(child.get("items", {}), f"{path}.{name}[]")


def _changed(path: str, value: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "algorithm": {"name": "IForest"},
        "training": {"source": {"uri": "https://example.com/rows.csv", "label": "y", "timestamp": "t"}},
        "preprocessing": {},
        "serving": {"replicas": {}},
    }
    spec = deepcopy(spec)
    *parents, last = path.split(".")
    part = spec
    for name in parents:
        part = part[name]
    if value is REMOVED:
        del part[last]
    else:
        part[last] = value
    return spec
