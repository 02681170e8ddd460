"""Objects that are made to look like a detector's own, by people who may write in its namespace."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.standins import termination

COLLECTED_WITHIN = 120
SERVING = "shuttle-serving"
DATA = {"serving.json": '{"format": 1, "registry": "http://evil.example"}'}
DETECTOR = {"apiVersion": "pynomaly.io/v1alpha1", "kind": "AnomalyDetector", "name": "shuttle", "controller": True}


@pytest.mark.parametrize("kind", ["ConfigMap", "AnomalyDetector"])
def test_labels_that_name_the_detector_do_not_make_its_child_of_what_another_controls(
    detector: Detector, kind: str
) -> None:
    detector.apply()
    detector.await_job()
    labels = detector.get("configmap", "shuttle-training")["metadata"]["labels"]
    boss = _made(detector, kind)
    owner = {**{part: boss[part] for part in ("apiVersion", "kind")}, "name": "boss", "uid": boss["metadata"]["uid"]}
    theirs = _config_map(detector, {"labels": labels, "ownerReferences": [{**owner, "controller": True}]})
    detector.kubectl.apply(theirs)
    before = detector.get("configmap", SERVING)["metadata"]["resourceVersion"]

    detector.train()

    message = detector.await_condition("Stalled", "True", "NameConflict")["message"]
    assert SERVING in message
    assert detector.get("configmap", SERVING)["metadata"]["resourceVersion"] == before
    detector.kubectl("delete", "configmap", SERVING, detector.here)
    until(lambda: _data(detector) not in (None, DATA), within=WITHIN, what="ours in its place")


def test_what_names_the_detector_with_another_uid_is_left_to_the_garbage_collector(detector: Detector) -> None:
    detector.apply()
    detector.await_job()
    finalizers = {"finalizers": ["example.com/not-yet"]}
    owner = {**DETECTOR, "uid": "00000000-0000-0000-0000-000000000000"}
    detector.kubectl.apply(_config_map(detector, {**finalizers, "ownerReferences": [owner]}))

    detector.train()

    detector.await_condition("Ready", "False", "Waiting")
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 3, within=WITHIN, what="three more passes")
    assert detector.get("configmap", SERVING)["data"] == DATA
    detector.patch("configmap", SERVING, {"metadata": {"finalizers": None}})
    until(lambda: _data(detector) not in (None, DATA), within=COLLECTED_WITHIN, what="ours in its place")


def test_a_reference_that_controls_nothing_does_not_give_an_object_to_the_detector(detector: Detector) -> None:
    detector.apply()
    detector.await_job()
    owner = {**DETECTOR, "uid": detector.uid, "controller": False}
    detector.kubectl.apply(_config_map(detector, {"ownerReferences": [owner]}))

    detector.train()

    detector.await_condition("Stalled", "True", "NameConflict")
    assert detector.get("configmap", SERVING)["data"] == DATA


def test_a_pod_that_only_says_that_it_trains_is_not_listened_to(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()
    said = {"format": 1, "fingerprint": detector.fingerprint, "outcome": "DataRejected", "message": "not true"}
    boss, template = _made(detector, "ConfigMap"), deepcopy(job["spec"]["template"])
    template["metadata"]["labels"]["batch.kubernetes.io/job-name"] = job["metadata"]["name"]
    detector.node.pod({**boss, "spec": {"template": template}}, "liar", termination(12, message=json.dumps(said)))

    detector.node.job_failed(job["metadata"]["name"], message="why")

    message = detector.await_condition("Stalled", "True", "Internal")["message"]
    assert message.startswith("the training failed and its pod is gone: why;")


def _config_map(detector: Detector, metadata: dict[str, Any]) -> dict[str, Any]:
    """Somebody else's object under the name of the serving pods' configuration."""
    named = {**metadata, "name": SERVING, "namespace": detector.namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": DATA}


def _made(detector: Detector, kind: str) -> Any:
    """Another object, to be an owner."""
    if kind == "ConfigMap":
        detector.kubectl("create", "configmap", "boss", detector.here)
    else:
        replace(detector, name="boss").apply(suspend=True)
    return detector.get(kind, "boss")


def _data(detector: Detector) -> Any:
    return (detector.get("configmap", SERVING) or {}).get("data")
