import json
import re
from copy import deepcopy
from decimal import Decimal

import pytest
from tests.unit.operator.resources import FULL, MINIMAL

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.parse import parse_serving, parse_spec, parse_status
from pynomaly_operator.api.quantities import amount, seconds
from pynomaly_operator.api.status import DetectorStatus
from pynomaly_operator.api.v1alpha1 import AnomalyDetector, cluster_only_fields


def test_what_the_schema_cannot_see_is_told_with_the_field_and_a_way_out() -> None:
    with pytest.raises(
        ResourceInvalid, match=r"spec\.algorithm: `IForest` has no parameter `n_estimatorz`.*n_estimators"
    ):
        parse_spec({**MINIMAL, "algorithm": {"name": "IForest", "parameters": {"n_estimatorz": 1}}})


@pytest.mark.parametrize(
    "mistake",
    [
        {"algorithm": {"name": "IForest", "parameters": {"n_estimatorz": 1}}},
        {"algorithm": {"name": "NoSuchDetector"}},
        {"contamination": 7},
        {"training": None},
        {"features": []},
    ],
)
def test_what_pods_serve_by_is_read_where_what_to_train_is_invalid(mistake: dict[str, object]) -> None:
    with pytest.raises(ResourceInvalid):
        parse_spec({**FULL, **mistake})

    found = parse_serving({**FULL, **mistake, "suspend": True})

    assert found is not None
    assert found.serving == parse_spec(FULL).serving
    assert found.suspend is True


@pytest.mark.parametrize("mistake", [{"serving": {"limits": {"rows": 0}}}, {"suspend": "yes"}])
def test_what_pods_serve_by_is_none_where_it_is_invalid_itself(mistake: dict[str, object]) -> None:
    assert parse_serving({**FULL, **mistake}) is None


def test_each_mistake_has_its_own_sentence() -> None:
    with pytest.raises(ResourceInvalid) as caught:
        parse_spec({**MINIMAL, "contamination": 2, "training": {"source": {"uri": ""}}})

    assert str(caught.value).startswith("spec.contamination: ")
    assert "; spec.training.source.uri: " in str(caught.value)


@pytest.mark.parametrize(
    "resources",
    [{"requests": {"cpu": 2}, "limits": {"cpu": "1999m"}}, {"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}}],
)
def test_a_request_above_its_limit_is_a_mistake(resources: dict[str, object]) -> None:
    with pytest.raises(ResourceInvalid, match=r"spec.serving.resources: requests.* is more than limits"):
        parse_spec({**MINIMAL, "serving": {"resources": resources}})


@pytest.mark.parametrize(
    ("serving", "way_out"),
    [
        ({"replicas": {"min": 3, "max": 2}}, "serving.replicas: min 3 is more than max 2: lower one"),
        (
            {"replicas": {"max": 2}, "resources": {"limits": {"memory": "1Gi"}}},
            "serving: autoscaling measures a share of resources.requests.cpu: set it",
        ),
        (
            {"replicas": {"max": 2, "memory": 80}, "resources": {"requests": {"cpu": 1}}},
            "serving: autoscaling measures a share of resources.requests.memory: set it",
        ),
    ],
)
def test_bounds_that_cannot_be_scaled_between_are_a_mistake(serving: dict[str, object], way_out: str) -> None:
    with pytest.raises(ResourceInvalid, match=re.escape(f"spec.{way_out}")):
        parse_spec({**MINIMAL, "serving": serving})


@pytest.mark.parametrize(
    "serving",
    [
        {"replicas": {"max": 2, "memory": 80}},
        {"replicas": {"max": 2, "memory": 80}, "resources": {"requests": {}, "limits": {}}},
        {"replicas": {"max": 2}, "resources": {"limits": {"cpu": 1}}},
        {"replicas": {"min": 2, "max": 2, "memory": 80}, "resources": {"limits": {"memory": "1Gi"}}},
    ],
    ids=["defaults", "nothing given", "a limit is a request", "a fixed number"],
)
def test_what_pods_request_by_default_or_by_their_limits_can_be_measured(serving: dict[str, object]) -> None:
    assert parse_spec({**MINIMAL, "serving": serving}).serving.replicas.max == 2


def test_local_files_are_valid_here_since_the_command_line_reads_the_same_model() -> None:
    assert parse_spec({**MINIMAL, "training": {"source": {"uri": "rows.csv"}}}).training.source.uri == "rows.csv"


def test_a_status_that_cannot_be_read_counts_as_none() -> None:
    assert parse_status({"observedGeneration": "x"}) == DetectorStatus()


def test_a_whole_resource_parses_with_its_status_and_names_what_only_a_cluster_uses() -> None:
    resource = {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "metadata": {"name": "shuttle", "namespace": "plant-a", "uid": "u"},
        "spec": deepcopy(FULL),
        "status": {"observedGeneration": 4},
    }

    parsed = AnomalyDetector.model_validate_json(json.dumps(resource))

    assert cluster_only_fields(parsed) == (
        "spec.training.schedule",
        "spec.training.timeout",
        "spec.training.resources",
        "spec.serving.replicas",
        "spec.serving.version",
        "spec.serving.resources",
        "spec.serving.grpc",
        "spec.serving.access.apiKeys.rotateAfter",
        "spec.serving.access.apiKeys.overlap",
        "spec.network",
        "spec.suspend",
    )


def test_a_resource_for_the_command_line_alone_names_none() -> None:
    resource = {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "metadata": {"name": "shuttle"},
        "spec": MINIMAL,
    }

    assert cluster_only_fields(AnomalyDetector.model_validate_json(json.dumps(resource))) == ()


@pytest.mark.parametrize(
    ("duration", "expected"), [("30m", 1800), ("1h30m", 5400), ("90s", 90), ("1h1s", 3601), ("0s", 0)]
)
def test_durations_are_read_as_kubernetes_reads_them(duration: str, expected: int) -> None:
    assert seconds(duration) == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [("250m", "0.25"), (2, "2"), ("1.5Gi", "1610612736"), ("1G", "1000000000"), ("64Ki", "65536")],
)
def test_quantities_are_read_as_kubernetes_reads_them(quantity: str | int, expected: str) -> None:
    assert amount(quantity) == Decimal(expected)
