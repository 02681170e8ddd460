"""The operator under the chart's own roles: it needs what they grant, and no more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cluster import namespaces
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until
from tests.controlplane.chart_permissions import Permissions, Right
from tests.controlplane.detectors import CHILD_KINDS, OWN, WITHIN, Detector
from tests.controlplane.running_operator import SETTINGS, RunningOperator

FINALIZERS: Right = ("pynomaly.io", "anomalydetectors/finalizers", "update")
"""Never asked for: an admission plug-in that some clusters use asks whether we had it."""


@pytest.fixture
def other_namespace(kubectl: Kubectl) -> Iterator[str]:
    with namespaces.restricted(kubectl) as name:
        yield name


@pytest.fixture
def release_namespace(kubectl: Kubectl) -> Iterator[str]:
    with namespaces.restricted(kubectl, "release") as name:
        yield name


def test_in_the_whole_cluster_the_rights_that_are_used_are_those_that_are_granted(
    unapplied: Detector, plane: ControlPlane, release_namespace: str, tmp_path: Path
) -> None:
    permissions = Permissions(plane, release_namespace)
    operator = _operator(permissions, tmp_path)
    try:
        with operator.running():
            _live(replace(unapplied, operator=operator))
        operator.version = (1, 30)  # which begins by lists what newer servers stream
        with operator.running():
            pass
    finally:
        permissions.revoke()

    assert permissions.refused() == set()
    assert permissions.used() == permissions.granted() - {FINALIZERS}


def test_in_some_namespaces_the_rights_that_are_used_are_those_of_the_roles_there(
    unapplied: Detector, plane: ControlPlane, release_namespace: str, other_namespace: str, tmp_path: Path
) -> None:
    permissions = Permissions(plane, release_namespace, (unapplied.namespace, other_namespace))
    assert not [item for item in permissions.objects if item["kind"].startswith("ClusterRole")]
    operator = _operator(permissions, tmp_path)
    second = replace(unapplied, namespace=other_namespace, operator=operator)
    try:
        with operator.running():
            _live(replace(unapplied, operator=operator))
            second.until_ready()
    finally:
        permissions.revoke()

    assert permissions.refused() == set()
    assert permissions.used() == permissions.granted() - {FINALIZERS}
    assert permissions.namespaces_asked() == {release_namespace, unapplied.namespace, other_namespace}


def test_an_operator_of_some_namespaces_leaves_detectors_of_others_alone(
    unapplied: Detector, plane: ControlPlane, release_namespace: str, other_namespace: str, tmp_path: Path
) -> None:
    permissions = Permissions(plane, release_namespace, (unapplied.namespace,))
    operator = _operator(permissions, tmp_path)
    stranger = replace(unapplied, namespace=other_namespace, operator=operator)
    stranger.apply()
    try:
        with operator.running():
            mine = replace(unapplied, operator=operator)
            mine.until_ready()
            mine.kubectl("delete", "service", "shuttle", mine.here)
            mine.await_child("service", "shuttle")
    finally:
        permissions.revoke()

    assert stranger.children() == {}
    assert "conditions" not in stranger.read().get("status", {})
    assert other_namespace not in permissions.namespaces_asked()


def _operator(permissions: Permissions, folder: Path) -> RunningOperator:
    kubeconfig = permissions.grant(folder)
    settings = SETTINGS.model_copy(update={"namespace": permissions.namespace, "watch_namespaces": permissions.watched})
    return RunningOperator(kubeconfig, settings=settings, lease=permissions.account)


def _live(detector: Detector) -> None:
    """All that can happen to a detector and needs a right."""
    _train_from_what_is_mounted(detector)
    detector.until_ready(pods=2, serving={"replicas": {"min": 2, "max": 5}})
    _lose_what_is_unwatched_or_watched(detector)
    for kind in CHILD_KINDS.removesuffix(",jobs").split(","):
        _lose_the_label_by_which_it_is_watched(detector, kind, OWN)
    _gain_what_is_not_wanted(detector)
    detector.apply(serving={"access": {"anonymous": True}})
    until(lambda: detector.get("secret", "shuttle-api-keys") is None, within=WITHIN, what="the Secret to go")
    detector.apply(contamination=0.2, serving={"access": {"anonymous": True}})
    _lose_the_label_by_which_it_is_watched(detector, "job", detector.await_job()["metadata"]["name"])
    # A Job that gets no pod: the reason is in an event.
    message = "forbidden: violates PodSecurity"
    detector.kubectl.apply(_failed_create(detector, message))
    until(lambda: message in detector.condition("Trained").get("message", ""), within=WITHIN, what="the event's words")


def _train_from_what_is_mounted(detector: Detector) -> None:
    for uri in ("pvc://telemetry/rows.csv", "configmap://telemetry/rows.csv"):
        detector.apply(training={"source": {"uri": uri, "label": "y"}})
        detector.await_condition("Ready", "False", "SourceUnreachable")


def _lose_what_is_unwatched_or_watched(detector: Detector) -> None:
    for kind, name in (("service", "shuttle"), ("secret", "shuttle-api-keys")):
        old = detector.get(kind, name)["metadata"]["uid"]
        detector.kubectl("delete", kind, name, detector.here)
        until(lambda: _uid(detector, kind, name) not in (None, old), within=WITHIN, what=f"{kind} {name} to come back")  # noqa: B023 - called at once


def _lose_the_label_by_which_it_is_watched(detector: Detector, *which: str) -> None:
    """To make it anew is refused, for there is one, so it is looked at by name."""
    before = detector.children().keys()
    detector.kubectl("label", *which, detector.here, "app.kubernetes.io/managed-by-")
    until(lambda: detector.children().keys() >= before, within=WITHIN, what=f"the label of {which} to come back")


def _gain_what_is_not_wanted(detector: Detector) -> None:
    """A child of every kind that has no place among the wanted: it goes."""
    kinds = ("configmap", "networkpolicy", "service", "deployment", "serviceaccount")
    names = ("shuttle-serving", "shuttle-serving", "shuttle", "shuttle", f"ad-{detector.uid}-serve")
    for kind, name in zip(kinds, names, strict=True):
        child = detector.get(kind, name)
        kept = {part: child["metadata"][part] for part in ("namespace", "labels", "ownerReferences")}
        child["metadata"] = {**kept, "name": "stray"}
        for assigned in ("clusterIP", "clusterIPs"):
            child.get("spec", {}).pop(assigned, None)
        child.pop("status", None)
        detector.kubectl.apply(child)
        until(lambda: detector.get(kind, "stray") is None, within=WITHIN, what=f"the stray {kind} to go")  # noqa: B023 - called at once


def _uid(detector: Detector, kind: str, name: str) -> str | None:
    found = detector.get(kind, name)
    return None if found is None else str(found["metadata"]["uid"])


def _failed_create(detector: Detector, message: str) -> dict[str, object]:
    job = detector.await_job()["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "no-pod", "namespace": detector.namespace},
        "involvedObject": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "namespace": detector.namespace,
            "name": job["name"],
            "uid": job["uid"],
        },
        "reason": "FailedCreate",
        "message": message,
        "type": "Warning",
    }
