from datetime import UTC, datetime
from typing import Any

import pytest

from pynomaly_operator.owned import applied_fields, changed, covered, holds_field, holds_scale

FIELDS: dict[str, Any] = {
    "f:metadata": {
        "f:labels": {"f:app": {}},
        "f:annotations": {"f:hash": {}},
        "f:ownerReferences": {'k:{"uid":"u"}': {}},
    },
    "f:spec": {
        "f:selector": {},
        "f:ports": {
            'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:targetPort": {}},
            'k:{"port":80,"protocol":"UDP"}': {".": {}, "f:port": {}},
        },
    },
}
MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "n",
        "namespace": "ns",
        "labels": {"app": "a"},
        "annotations": {"hash": "h"},
        "ownerReferences": [{"uid": "u", "name": "x"}],
    },
    "spec": {"selector": {"any": "thing"}, "ports": [{"port": 80, "targetPort": "http"}]},
}


def test_a_manifest_whose_every_path_we_hold_is_covered() -> None:
    assert covered(FIELDS, MANIFEST)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("metadata", {**MANIFEST["metadata"], "labels": {"app": "a", "new": "label"}}),
        ("metadata", {**MANIFEST["metadata"], "ownerReferences": [{"uid": "other"}]}),
        ("spec", {**MANIFEST["spec"], "type": "ClusterIP"}),
        ("spec", {**MANIFEST["spec"], "ports": [{"port": 81}]}),
        ("spec", {**MANIFEST["spec"], "ports": [{"port": 80, "protocol": "UDP", "targetPort": "http"}]}),
        ("data", {"key": "value"}),
    ],
    ids=["label", "owner", "field", "item", "field of another item", "whole part"],
)
def test_a_path_that_we_do_not_hold_is_not_covered(part: str, value: Any) -> None:
    assert not covered(FIELDS, {**MANIFEST, part: value})


def test_sets_are_covered_by_value() -> None:
    fields: dict[str, Any] = {"f:metadata": {}, "f:finalizers": {'v:"a"': {}}}

    assert covered(fields, {"metadata": {}, "finalizers": ["a"]})
    assert not covered(fields, {"metadata": {}, "finalizers": ["b"]})


def test_only_what_we_applied_to_the_object_itself_counts_as_ours() -> None:
    def entry(manager: str, operation: str, **more: str) -> dict[str, Any]:
        return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {}}, **more}

    others = [entry("x", "Apply"), entry("pynomaly", "Update"), entry("pynomaly", "Apply", subresource="status")]

    assert applied_fields({"managedFields": others}, "pynomaly") is None
    assert applied_fields({"managedFields": [*others, entry("pynomaly", "Apply")]}, "pynomaly") == {"f:spec": {}}


@pytest.mark.parametrize(
    ("entry", "scaled"),
    [
        ({"subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}, True),
        ({"subresource": "status", "fieldsV1": {"f:spec": {"f:replicas": {}}}}, False),
        ({"fieldsV1": {"f:spec": {"f:replicas": {}}}}, False),
        ({"subresource": "scale", "fieldsV1": {"f:spec": {}}}, False),
    ],
    ids=["through scale", "another subresource", "an edit", "another field"],
)
def test_the_number_of_pods_was_scaled_when_it_is_held_through_the_scale_subresource(
    entry: dict[str, Any], *, scaled: bool
) -> None:
    assert holds_scale({"managedFields": [{"fieldsV1": {"f:data": {}}}, entry]}) is scaled


def test_a_field_is_held_whoever_wrote_it() -> None:
    metadata = {"managedFields": [{"fieldsV1": {"f:type": {}}}, {"fieldsV1": {"f:data": {"f:current": {}}}}]}

    assert holds_field(metadata, "data", "current")
    assert not holds_field(metadata, "data", "previous")
    assert not holds_field({}, "data", "current")


def test_a_field_was_last_written_when_the_last_of_its_holders_wrote() -> None:
    data: dict[str, Any] = {"f:data": {"f:current": {}}}
    entries = [
        {"time": "2026-05-01T10:00:00Z", "fieldsV1": data},
        {"time": "2026-05-01T11:00:00Z", "fieldsV1": data},
        {"time": "2026-05-01T12:00:00Z", "fieldsV1": {"f:metadata": {}}},
        {"fieldsV1": data},
    ]

    assert changed({"managedFields": entries}, "data", "current") == datetime(2026, 5, 1, 11, tzinfo=UTC)
    assert changed({"managedFields": entries}, "data", "previous") is None
    assert changed({}, "data", "current") is None
