"""A write that a policy, or the API server, does not let through: the detector says so, and all else goes on."""

from datetime import UTC, datetime, timedelta

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.policies import IN_FORCE_WITHIN, Policy

from pynomaly_operator.desired.labels import KEY_ROTATED

NO_ANNOTATIONS = Policy("UPDATE", "pods", "pods are left alone", ("annotate", "pod", "shuttle-0", "attempt=made"))
NO_DELETION = Policy(
    "DELETE",
    "poddisruptionbudgets",
    "budgets are kept",
    ("delete", "poddisruptionbudget", "shuttle"),
    reason="Forbidden",
)
FROZEN = Policy(
    "UPDATE", "deployments", "nothing is deployed on Fridays", ("annotate", "deployment", "shuttle", "attempt=made")
)
NO_NEXT_KEY = Policy(
    "UPDATE",
    "secrets",
    "keys come from the vault",
    ("patch", "secret", "shuttle-api-keys", '--patch={"data": {"next": "bmV4dA=="}}'),
    allowed="!has(object.data) || !('next' in object.data)",
    reason="Forbidden",
)
NO_LABELS = Policy(
    "UPDATE",
    "jobs",
    "labels are ours",
    ("annotate", "jobs", "--all", "attempt=made"),
    allowed="!has(object.metadata.labels) || !('app.kubernetes.io/managed-by' in object.metadata.labels)",
)


def test_where_no_pod_may_be_annotated_the_status_is_written_and_pods_switch_at_their_own_pace(
    detector: Detector,
) -> None:
    detector.until_ready()
    with NO_ANNOTATIONS.in_force(detector):
        detector.apply(contamination=0.2)
        version = detector.train()

        assert "0 of 1 pods" in detector.await_condition("Ready", "False", "RollingOut")["message"]
        refused = detector.operator.writes()
        passes = detector.operator.passes()
        until(lambda: detector.operator.passes() >= passes + 5, within=WITHIN, what="five more passes")
        assert detector.operator.writes() - refused <= 1, "nobody asks again and again for what is refused"

        detector.operator.pods.serve(detector.address(0), version)
        detector.await_condition("Ready", "True", "Succeeded")


def test_a_secret_that_holds_no_key_and_can_get_none_is_told_of_until_it_is_deleted(detector: Detector) -> None:
    detector.until_ready()

    detector.patch("secret", "shuttle-api-keys", {"data": None, "immutable": True})

    message = detector.await_condition("Ready", "False", "Internal")["message"]
    assert "Secret shuttle-api-keys" in message
    assert "immutable" in message
    detector.kubectl("delete", "secret", "shuttle-api-keys", detector.here)
    detector.await_condition("Ready", "True", "Succeeded")


def test_a_child_that_may_not_be_deleted_is_told_of_and_holds_up_no_other(detector: Detector) -> None:
    detector.until_ready(pods=2, serving={"replicas": {"min": 2}})
    with NO_DELETION.in_force(detector):
        detector.apply()

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert "PodDisruptionBudget shuttle" in message
        assert "budgets are kept" in message
        until(lambda: _number(detector) == 1, within=WITHIN, what="1 replica")

    until(lambda: detector.get("pdb", "shuttle") is None, within=IN_FORCE_WITHIN, what="the budget to go")


def test_a_number_of_pods_that_may_not_be_handed_over_is_told_of(detector: Detector) -> None:
    detector.until_ready(pods=3, serving={"replicas": {"min": 3}})
    with FROZEN.in_force(detector):
        detector.apply(serving={"replicas": {"min": 1, "max": 5}})

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert "Deployment shuttle" in message
        assert "nothing is deployed on Fridays" in message


def test_a_least_number_of_pods_that_may_not_be_set_is_told_of(detector: Detector) -> None:
    detector.until_ready(pods=2, serving={"replicas": {"min": 2, "max": 5}})
    with FROZEN.in_force(detector):
        detector.kubectl("scale", "deployment/shuttle", "--replicas=0", detector.here)

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert "Deployment shuttle" in message
        assert "nothing is deployed on Fridays" in message

    until(lambda: _number(detector) == 2, within=IN_FORCE_WITHIN, what="2 replicas")


def test_a_next_key_that_may_not_be_written_is_told_of(detector: Detector) -> None:
    detector.until_ready(serving={"access": {"apiKeys": {"rotateAfter": "720h", "overlap": "24h"}}})
    with NO_NEXT_KEY.in_force(detector):
        made = (datetime.now(UTC) - timedelta(hours=721)).isoformat(timespec="seconds")
        detector.patch("secret", "shuttle-api-keys", {"metadata": {"annotations": {KEY_ROTATED: made}}})

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert "Secret shuttle-api-keys" in message
        assert "keys come from the vault" in message


def test_a_job_that_may_not_be_labelled_again_is_told_of(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()["metadata"]["name"]
    with NO_LABELS.in_force(detector):
        detector.kubectl("label", "job", job, detector.here, "app.kubernetes.io/managed-by-")

        message = detector.await_condition("Ready", "False", "Internal")["message"]
        assert f"Job {job}" in message
        assert "labels are ours" in message


def _number(detector: Detector) -> int:
    replicas: int = detector.get("deployment", "shuttle")["spec"]["replicas"]
    return replicas
