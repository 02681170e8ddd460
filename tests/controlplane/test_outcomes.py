"""What comes of a training, told from the Job and its pods as a kubelet would leave them."""

import json
from typing import Any

import pytest
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.standins import termination

AGAIN = "to train again without an edit, annotate the detector with pynomaly.io/retrain"
MENDED_ELSEWHERE = ("SourceUnreachable", "DataRejected", "FitFailed", "RegistryUnavailable", "Internal")
REPORTED = {10: "ResourceInvalid", 11: "SourceUnreachable", 12: "DataRejected", 13: "FitFailed", 14: "NotConvertible"}
REPORTED |= {15: "ParityFailed", 17: "RegistryUnavailable", 70: "Internal"}


@pytest.mark.parametrize(("code", "reason"), REPORTED.items(), ids=REPORTED.values())
def test_what_the_trainer_says_is_the_outcome(detector: Detector, code: int, reason: str) -> None:
    detector.apply()
    job = detector.await_job()
    said = {"format": 1, "fingerprint": detector.fingerprint, "outcome": reason, "message": "column `y` is text"}
    detector.node.pod(job, "trainer-0", termination(code, message=json.dumps(said)))

    detector.node.job_failed(job["metadata"]["name"])

    condition = detector.await_condition("Stalled", "True", reason)
    message = f"column `y` is text; {AGAIN}" if reason in MENDED_ELSEWHERE else "column `y` is text"
    assert condition["message"] == message
    detector.await_condition("Trained", "False", reason)
    detector.await_condition("Ready", "False", reason)
    training = detector.read()["status"]["training"]
    assert (training["outcome"], training["message"]) == (reason, message)


@pytest.mark.parametrize(
    ("pod", "job", "reason", "words"),
    [
        (termination(137, "OOMKilled"), {}, "OutOfMemory", ("2Gi", "spec.training.resources.limits.memory")),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            {},
            "Evicted",
            ("evicted", "low on memory"),
        ),
        (termination(2, "Error", "no such option"), {}, "Internal", ("exit code 2", "no such option")),
        (None, {"reason": "DeadlineExceeded"}, "DeadlineExceeded", ("30m", "spec.training.timeout")),
        (None, {"reason": "BackoffLimitExceeded", "message": "limit"}, "Evicted", ("pods were deleted", "limit")),
        (None, {"reason": "NewReason", "message": "why"}, "Internal", ("pod is gone", "why")),
        (None, {"message": "Container trainer failed with exit code 137"}, "OutOfMemory", ("2Gi",)),
    ],
    ids=["killed for memory", "evicted", "no message", "too slow", "pods deleted", "pod gone", "pod gone, killed"],
)
def test_an_end_of_which_the_trainer_says_nothing_has_a_reason_too(
    detector: Detector, pod: dict[str, Any] | None, job: dict[str, str], reason: str, words: tuple[str, ...]
) -> None:
    detector.apply()
    training = detector.await_job()
    if pod is not None:
        detector.node.pod(training, "trainer-0", pod)

    detector.node.job_failed(training["metadata"]["name"], **job)

    message = detector.await_condition("Stalled", "True", reason)["message"]
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (
            {
                "phase": "Pending",
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
                ],
            },
            "Unschedulable",
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {
                        "name": "trainer",
                        "image": "i",
                        "imageID": "",
                        "ready": False,
                        "restartCount": 0,
                        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
                    }
                ],
            },
            "ImageUnavailable",
        ),
        (
            {
                "phase": "Failed",
                "conditions": [
                    {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "more"}
                ],
            },
            "Evicted",
        ),
    ],
    ids=["unschedulable", "image", "preempted"],
)
def test_what_holds_a_training_up_is_told_while_it_waits(detector: Detector, pod: dict[str, Any], reason: str) -> None:
    detector.apply()
    detector.node.pod(detector.await_job(), "trainer-0", pod)

    detector.await_condition("Reconciling", "True", reason)

    detector.await_condition("Stalled", "False", reason)
    detector.train()
    detector.await_condition("Trained", "True", "Succeeded")


def test_what_a_trainer_says_is_told_while_its_job_tries_again(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()
    said = {"format": 1, "fingerprint": detector.fingerprint, "outcome": "SourceUnreachable", "message": "no such host"}
    detector.node.pod(job, "trainer-0", termination(11, message=json.dumps(said)))

    message = detector.await_condition("Reconciling", "True", "SourceUnreachable")["message"]

    assert message == "no such host; it is tried again"
    detector.await_condition("Trained", "Unknown", "SourceUnreachable")


def test_a_training_that_no_node_took_in_time_failed_for_that(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    detector.node.pod(job, "trainer-0", {"phase": "Pending", "conditions": [scheduled]})
    detector.await_condition("Trained", "Unknown", "Unschedulable")

    detector.node.job_failing(job["metadata"]["name"], "DeadlineExceeded")
    detector.kubectl("delete", "pod", "trainer-0", detector.here, "--force")
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 2, within=WITHIN, what="two more passes")
    detector.node.job_failed(job["metadata"]["name"], "DeadlineExceeded")

    message = detector.await_condition("Stalled", "True", "Unschedulable")["message"]
    assert "0/1 nodes" in message
    assert "timeout" in message


def test_a_pod_that_the_quota_forbids_is_told_from_the_jobs_event(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()["metadata"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "refused", "namespace": detector.namespace},
        "involvedObject": {"kind": "Job", "name": job["name"], "namespace": detector.namespace, "uid": job["uid"]},
        "type": "Warning",
        "reason": "FailedCreate",
        "message": 'pods "x" is forbidden: exceeded quota: tight',
    }
    detector.kubectl.apply(event)

    message = detector.await_condition("Ready", "False", "QuotaExceeded")["message"]

    assert "exceeded quota: tight" in message


def test_a_child_that_the_quota_forbids_is_made_when_there_is_room(detector: Detector) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": detector.namespace},
        "spec": {"hard": {"services": "0"}},
    }
    detector.kubectl.apply(quota)
    # No controller counts here: the admission plugin takes the status for what is used.
    detector.node.patch_status("resourcequota", "tight", {"hard": {"services": "0"}, "used": {"services": "0"}})

    detector.apply()
    detector.await_condition("Ready", "False", "QuotaExceeded")
    detector.await_job()

    detector.kubectl.delete(quota)
    detector.await_child("service", "shuttle")


def test_a_failed_attempt_is_not_repeated_until_it_may_use_more(detector: Detector) -> None:
    detector.apply()
    failed = detector.await_job()
    detector.node.job_failed(failed["metadata"]["name"], "DeadlineExceeded")
    detector.await_condition("Stalled", "True", "DeadlineExceeded")

    detector.kubectl("delete", "job", failed["metadata"]["name"], detector.here)
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 3, within=WITHIN, what="three more passes")
    assert detector.get("job", failed["metadata"]["name"]) is None

    training = {**detector.manifest()["spec"]["training"], "timeout": "2h"}
    detector.apply(training=training)
    second = detector.await_job()
    assert second["metadata"]["name"] != failed["metadata"]["name"]
    assert second["spec"]["activeDeadlineSeconds"] == 7200


def test_a_gate_that_fails_says_by_how_much_and_the_old_model_serves_on(detector: Detector) -> None:
    detector.until_ready()
    training = {**detector.manifest()["spec"]["training"], "gates": {"minRocAuc": 0.9}}
    detector.apply(contamination=0.2, training=training)

    detector.train(roc_auc=0.7)

    message = detector.await_condition("Stalled", "True", "GateFailed")["message"]
    assert "0.7" in message
    assert "minRocAuc demands 0.9" in message
    detector.await_condition("Serving", "True", "Succeeded")
    assert detector.read()["status"]["model"]["version"] == 1
    served = json.loads(detector.get("configmap", "shuttle-serving")["data"]["serving.json"])
    assert served["stable"]["version"] == 1


def test_a_gate_that_is_lowered_is_judged_again_without_training(detector: Detector) -> None:
    source = detector.manifest()["spec"]["training"]["source"]
    detector.apply(training={"source": source, "gates": {"minRocAuc": 0.99}})
    detector.train(roc_auc=0.7)
    detector.await_condition("Stalled", "True", "GateFailed")

    detector.apply(training={"source": source, "gates": {"minRocAuc": 0.6}})

    detector.serve(1)
    detector.await_condition("Ready", "True", "Succeeded")
    assert len([key for key in detector.operator.registry.versions if key[0] == detector.uid]) == 1


def test_a_pod_that_cannot_load_the_model_says_why_and_the_old_one_stays(detector: Detector) -> None:
    detector.until_ready()
    detector.apply(contamination=0.2)
    version = detector.train()

    detector.operator.pods.fail(detector.address(0), version, loaded=1, message="golden row 3 differs")

    message = detector.await_condition("Stalled", "True", "ModelLoadFailed")["message"]
    assert "golden row 3 differs" in message
    assert detector.read()["status"]["model"]["version"] == 1


def test_a_registry_that_is_down_leaves_what_serves_alone(detector: Detector) -> None:
    detector.until_ready()
    detector.operator.registry.reachable = False
    try:
        passes = detector.operator.passes()
        until(lambda: detector.operator.passes() >= passes + 2, within=WITHIN, what="two more passes")
        assert detector.condition("Ready")["status"] == "True"

        detector.apply(contamination=0.2)
        detector.await_condition("Ready", "False", "RegistryUnavailable")
        detector.await_condition("Serving", "True", "Succeeded")
        assert detector.get("deployment", "shuttle") is not None
    finally:
        detector.operator.registry.reachable = True
    detector.await_job()


def test_a_status_that_was_lost_is_found_again_and_nothing_that_serves_is_touched(detector: Detector) -> None:
    detector.until_ready()
    deployment = detector.get("deployment", "shuttle")["metadata"]

    wipe = json.dumps([{"op": "replace", "path": "/status", "value": {"observedGeneration": -1}}])
    detector.kubectl("patch", "ad", "shuttle", detector.here, "--subresource=status", "--type=json", f"--patch={wipe}")

    detector.await_condition("Ready", "True", "Succeeded")
    after = detector.get("deployment", "shuttle")["metadata"]
    assert (after["uid"], after["generation"]) == (deployment["uid"], deployment["generation"])
