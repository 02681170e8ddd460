"""What happens to children under other people's hands."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector

from pynomaly_operator.api_keys import TELLINGS
from pynomaly_operator.notification import Notification

RESTORED = [
    ("deployment", "shuttle"),
    ("horizontalpodautoscaler", "shuttle"),
    ("poddisruptionbudget", "shuttle"),
    ("networkpolicy", "shuttle-training"),
    ("networkpolicy", "shuttle-serving"),
    ("service", "shuttle"),
    ("configmap", "shuttle-training"),
    ("configmap", "shuttle-serving"),
    ("serviceaccount", "ad-UID-train"),
    ("serviceaccount", "ad-UID-serve"),
    ("secret", "shuttle-api-keys"),
]
AUTOSCALED = {"replicas": {"min": 2, "max": 5}}


def test_every_kind_of_child_that_is_deleted_comes_back(detector: Detector) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    for kind, name in _named(detector):
        old = detector.get(kind, name)["metadata"]["uid"]

        detector.kubectl("delete", kind, name, detector.here, "--wait=false")

        until(lambda: _uid(detector, kind, name) not in (None, old), within=WITHIN, what=f"{kind} {name} to come back")  # noqa: B023 - called at once


def test_what_serves_is_kept_in_repair_while_the_resource_asks_for_an_impossible_model(detector: Detector) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    wrong = {"name": "IForest", "parameters": {"n_estimatorz": 5}}
    detector.apply(algorithm=wrong, serving=AUTOSCALED)
    detector.await_condition("Stalled", "True", "ResourceInvalid")
    training = detector.get("configmap", "shuttle-training")["metadata"]["resourceVersion"]

    for kind, name in _named(detector):
        if (kind, name) in (("configmap", "shuttle-training"), ("networkpolicy", "shuttle-training")):
            continue  # nobody can tell what is to be in it
        old = detector.get(kind, name)["metadata"]["uid"]
        detector.kubectl("delete", kind, name, detector.here, "--wait=false")
        until(lambda: _uid(detector, kind, name) not in (None, old), within=WITHIN, what=f"{kind} {name} to come back")  # noqa: B023 - called at once
    detector.apply(algorithm=wrong, serving={"replicas": {"min": 3}})
    until(lambda: detector.get("deployment", "shuttle")["spec"]["replicas"] == 3, within=WITHIN, what="3 replicas")
    assert detector.get("horizontalpodautoscaler", "shuttle") is None, "it would not leave the number at 3"
    detector.serve(1, pods=3)

    message = detector.await_condition("Stalled", "True", "ResourceInvalid")["message"]
    assert "n_estimatorz" in message
    detector.await_condition("Serving", "True", "Succeeded")
    assert detector.get("configmap", "shuttle-training")["metadata"]["resourceVersion"] == training
    assert detector.read()["status"]["model"]["version"] == 1

    detector.apply()
    detector.serve(1)
    detector.await_condition("Ready", "True", "Succeeded")


def test_a_job_that_is_deleted_while_it_trains_comes_back(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()["metadata"]

    detector.kubectl("delete", "job", job["name"], detector.here, "--wait=false")

    until(lambda: _uid(detector, "job", job["name"]) not in (None, job["uid"]), within=WITHIN, what="another Job")


@pytest.mark.parametrize(
    ("kind", "name", "path", "edit"),
    [
        (
            "deployment",
            "shuttle",
            ("spec", "template", "spec", "containers", 0, "image"),
            [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "evil:1"}],
        ),
        ("deployment", "shuttle", ("spec", "replicas"), [{"op": "replace", "path": "/spec/replicas", "value": 7}]),
        ("service", "shuttle", ("spec", "ports"), [{"op": "remove", "path": "/spec/ports/1"}]),
        (
            "service",
            "shuttle",
            ("spec", "selector"),
            [{"op": "replace", "path": "/spec/selector", "value": {"a": "b"}}],
        ),
        (
            "networkpolicy",
            "shuttle-serving",
            ("spec", "ingress"),
            [{"op": "add", "path": "/spec/ingress/-", "value": {}}],
        ),
        ("networkpolicy", "shuttle-training", ("spec", "egress"), [{"op": "remove", "path": "/spec/egress/0"}]),
        ("configmap", "shuttle-serving", ("data",), [{"op": "replace", "path": "/data/serving.json", "value": "{}"}]),
        ("configmap", "shuttle-training", ("metadata", "labels"), [{"op": "remove", "path": "/metadata/labels"}]),
        (
            "configmap",
            "shuttle-serving",
            ("metadata", "ownerReferences"),
            [{"op": "remove", "path": "/metadata/ownerReferences"}],
        ),
        ("secret", "shuttle-api-keys", ("metadata", "labels"), [{"op": "remove", "path": "/metadata/labels"}]),
    ],
    ids=[
        "image",
        "replicas",
        "port removed",
        "selector",
        "rule added",
        "rule removed",
        "data",
        "labels",
        "owner",
        "labels of the Secret",
    ],
)
def test_an_edit_of_what_we_own_is_put_back(
    detector: Detector, kind: str, name: str, path: tuple[str | int, ...], edit: Any
) -> None:
    detector.until_ready()
    before = _at(detector.get(kind, name), path)

    detector.patch(kind, name, edit, form="json")

    until(lambda: _at(detector.get(kind, name), path) == before, within=WITHIN, what=f"{path} to be put back")


def test_pods_of_both_programs_pull_their_images_with_the_secrets_of_the_settings(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()
    detector.train()
    deployment = detector.await_child("deployment", "shuttle")

    for owner in (job, deployment):
        assert owner["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "registry-login"}]


def test_edits_of_what_we_do_not_own_stay_while_others_are_put_back(detector: Detector) -> None:
    detector.until_ready()
    foreign = {"metadata": {"annotations": {"team": "blue"}, "labels": {"team": "blue"}}}
    detector.patch("deployment", "shuttle", foreign)
    detector.patch("configmap", "shuttle-serving", {"data": {"extra": "x"}})
    # An edit of ours afterwards shows that the operator has been here since.
    detector.patch("deployment", "shuttle", {"spec": {"replicas": 5}})
    until(lambda: detector.get("deployment", "shuttle")["spec"]["replicas"] == 1, within=WITHIN, what="1 replica")

    metadata = detector.get("deployment", "shuttle")["metadata"]

    assert (metadata["annotations"]["team"], metadata["labels"]["team"]) == ("blue", "blue")
    assert detector.get("configmap", "shuttle-serving")["data"]["extra"] == "x"


def test_the_key_keeps_its_value_whatever_else_changes(detector: Detector) -> None:
    detector.until_ready()
    key = _key(detector) or ""

    detector.apply(serving={"replicas": {"min": 2}})
    until(lambda: detector.get("deployment", "shuttle")["spec"]["replicas"] == 2, within=WITHIN, what="2 replicas")

    assert len(base64.urlsafe_b64decode(key + "=")) == 32
    assert _key(detector) == key


def test_pods_are_told_of_a_new_key_a_few_times_since_they_do_not_say_which_they_have(detector: Detector) -> None:
    detector.until_ready()
    assert _told_of_key(detector) == 0, "a pod that starts after the key has it"
    until(lambda: _age(detector) > 2, within=WITHIN, what="the pod to be older than the next key")

    detector.kubectl("delete", "secret", "shuttle-api-keys", detector.here)

    until(lambda: _told_of_key(detector) == 1, within=WITHIN, what="the pod to be told of the key")
    until(lambda: _told_of_key(detector) == TELLINGS, within=30, what="the pod to be told again")
    before = detector.get("pod", "shuttle-0")["metadata"]["resourceVersion"]
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 3, within=WITHIN, what="three more passes")
    assert detector.get("pod", "shuttle-0")["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize("entry", ["the Secret", "its entry"])
def test_a_key_that_is_deleted_is_replaced_by_another_and_an_event_says_so(detector: Detector, entry: str) -> None:
    detector.until_ready()
    key = _key(detector)

    if entry == "the Secret":
        detector.kubectl("delete", "secret", "shuttle-api-keys", detector.here)
    else:
        detector.patch("secret", "shuttle-api-keys", {"data": None})

    until(lambda: _key(detector) not in (None, key), within=WITHIN, what="another key")

    def counted() -> bool:
        events = detector.kubectl.read("events", detector.here)["items"]
        return any(e["count"] == 2 and "has a new API key" in e["message"] for e in events)

    until(counted, within=WITHIN, what="the event to be counted")


def test_without_keys_the_secret_goes_and_pods_serve_anyone(detector: Detector) -> None:
    detector.until_ready()

    detector.apply(serving={"access": {"anonymous": True}})

    until(lambda: detector.get("secret", "shuttle-api-keys") is None, within=WITHIN, what="the Secret to be deleted")
    (container,) = detector.get("deployment", "shuttle")["spec"]["template"]["spec"]["containers"]
    assert "--anonymous" in container["command"]


@pytest.mark.parametrize("kind", ["configmap", "secret"])
def test_a_foreign_object_under_a_childs_name_is_left_alone_until_it_is_gone(detector: Detector, kind: str) -> None:
    name = {"configmap": "shuttle-training", "secret": "shuttle-api-keys"}[kind]
    foreign = {"configmap": ("configmap", name), "secret": ("secret", "generic", name)}[kind]
    detector.kubectl("create", *foreign, "--from-literal=mine=1", detector.here)
    before = detector.get(kind, name)["metadata"]["resourceVersion"]

    detector.apply()

    condition = detector.await_condition("Stalled", "True", "NameConflict")
    assert name in condition["message"]
    assert detector.get(kind, name)["metadata"]["resourceVersion"] == before
    assert detector.await_child("service", "shuttle"), "the other children are there"

    detector.kubectl("delete", kind, name, detector.here)

    detector.await_condition("Stalled", "False", "Training")
    assert detector.get(kind, name)["metadata"]["ownerReferences"][0]["uid"] == detector.uid


def _named(detector: Detector) -> list[tuple[str, str]]:
    return [(kind, name.replace("UID", detector.uid)) for kind, name in RESTORED]


def _uid(detector: Detector, kind: str, name: str) -> str | None:
    found = detector.get(kind, name)
    return None if found is None else found["metadata"]["uid"]


def _told_of_key(detector: Detector) -> int:
    annotations = detector.get("pod", "shuttle-0")["metadata"].get("annotations", {})
    found = Notification.parse(annotations.get("pynomaly.io/api-keys-hash"))
    return 0 if found is None else found.attempt


def _age(detector: Detector) -> float:
    """Of the pod, in seconds."""
    created = datetime.fromisoformat(detector.get("pod", "shuttle-0")["metadata"]["creationTimestamp"])
    return (datetime.now(UTC) - created).total_seconds()


def _key(detector: Detector) -> str | None:
    found = (detector.get("secret", "shuttle-api-keys") or {}).get("data", {}).get("current")
    return None if found is None else base64.b64decode(found).decode()


def _at(content: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        if isinstance(content, dict) and part not in content:
            return None
        content = content[part]
    return content
