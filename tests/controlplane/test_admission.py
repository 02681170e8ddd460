"""What policies and limits of a cluster refuse: told in their words, and made when they allow it."""

from typing import Any

import pytest
from tests.cluster.errors import ClusterError
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.policies import IN_FORCE_WITHIN, Policy
from tests.controlplane.standins import running

_SERVICES = Policy(
    "CREATE", "services", "ports must be approved", ("create", "service", "clusterip", "attempt", "--tcp=80")
)
_FREEZE = Policy(
    "UPDATE",
    "deployments",
    "field is immutable during the freeze",
    ("annotate", "deployment", "shuttle", "attempt=made"),
)


def test_a_child_that_a_policy_denies_is_told_in_its_words_and_made_when_it_is_gone(detector: Detector) -> None:
    with _SERVICES.in_force(detector):
        detector.apply()

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert "Service shuttle" in message
        assert "ports must be approved" in message
        detector.await_job()
        assert detector.get("service", "shuttle") is None

    until(lambda: detector.get("service", "shuttle"), within=IN_FORCE_WITHIN, what="the Service")
    detector.serve(detector.train())
    detector.await_condition("Ready", "True", "Succeeded")


def test_a_child_that_a_policy_does_not_let_change_is_not_deleted_for_it(detector: Detector) -> None:
    detector.until_ready()
    uid = detector.get("deployment", "shuttle")["metadata"]["uid"]

    with _FREEZE.in_force(detector):
        detector.apply(serving={"replicas": {"min": 2}})

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert "immutable during the freeze" in message
        passes = detector.operator.passes()
        until(lambda: detector.operator.passes() >= passes + 3, within=WITHIN, what="three more passes")
        assert detector.get("deployment", "shuttle")["metadata"]["uid"] == uid

    def number() -> int:
        replicas: int = detector.get("deployment", "shuttle")["spec"]["replicas"]
        return replicas

    until(lambda: number() == 2, within=IN_FORCE_WITHIN, what="2 replicas")


def test_pods_that_a_limit_range_forbids_are_told_of_and_trained_in_when_it_allows_them(detector: Detector) -> None:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small", "namespace": detector.namespace},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
    }
    detector.kubectl.apply(limits)
    detector.apply()
    job = detector.await_job()
    with pytest.raises(ClusterError) as refused:
        until(lambda: detector.node.pod(job, "trainer-0", {"phase": "Running"}), within=1, what="the limits in force")
    detector.kubectl.apply(_failed_create(job, str(refused.value)))

    message = detector.await_condition("Ready", "False", "Waiting")["message"]
    assert "maximum memory usage per Container is 64Mi" in message

    detector.kubectl.delete(limits)
    until(lambda: _is_made(detector, job), within=IN_FORCE_WITHIN, what="a pod")
    detector.await_condition("Ready", "False", "Training")
    detector.train()
    detector.await_condition("Trained", "True", "Succeeded")


def test_serving_pods_that_a_limit_range_forbids_are_told_of(detector: Detector) -> None:
    detector.apply()
    detector.train()
    detector.await_child("deployment", "shuttle")
    words = 'pods "shuttle-x" is forbidden: minimum cpu usage per Container is 1, but request is 100m'
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}

    detector.node.patch_status("deployment", "shuttle", {"conditions": [failure], "observedGeneration": 1})

    message = detector.await_condition("Ready", "False", "Waiting")["message"]
    assert "minimum cpu usage per Container is 1" in message
    detector.node.patch_status("deployment", "shuttle", {"conditions": []})
    detector.serve(1)
    detector.await_condition("Ready", "True", "Succeeded")


def _is_made(detector: Detector, job: Any) -> bool:
    try:
        detector.node.pod(job, "trainer-0", running(detector.address(0)))
    except ClusterError:
        return False
    return True


def _failed_create(job: Any, words: str) -> dict[str, Any]:
    """What the Job's controller says when it may make no pod."""
    about = {"kind": "Job", **{part: job["metadata"][part] for part in ("name", "namespace", "uid")}}
    metadata = {"name": "refused", "namespace": job["metadata"]["namespace"]}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": about}
    return {**event, "type": "Warning", "reason": "FailedCreate", "message": words}
