import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.operator.resources import FULL, MINIMAL, spec

from pynomaly_operator.api.status import Condition, ConditionType, DetectorStatus
from pynomaly_operator.observed import JobFacts, PodFacts, Termination
from pynomaly_operator.status.conditions import Truth
from pynomaly_operator.status.findings import Finding, Reason
from pynomaly_operator.status.training import advised, failure, late, progress, unchanged

CREATED = datetime(2026, 5, 1, tzinfo=UTC)
JOB = JobFacts(CREATED, pods=1, succeeded=False, failure="PodFailurePolicy", message="")
POD = PodFacts(
    name="p",
    created=CREATED,
    address=None,
    ready=False,
    ending=False,
    ended=True,
    reason="",
    unschedulable=None,
    waiting=None,
    termination=None,
    notifications={},
)
TRAINING = spec(MINIMAL).training


def _ended(code: int, reason: str = "Error", message: str = "") -> PodFacts:
    return replace(POD, termination=Termination(code, reason, message))


def _said(outcome: str, fingerprint: str = "f") -> PodFacts:
    said = {"format": 1, "fingerprint": fingerprint, "outcome": outcome, "message": "why"}
    return _ended(12, message=json.dumps(said))


@pytest.mark.parametrize(
    ("pods", "job", "reason"),
    [
        ([_said("DataRejected")], JOB, Reason.DATA_REJECTED),
        ([_said("SomethingNew")], JOB, Reason.INTERNAL),
        ([_said("DataRejected", fingerprint="other")], JOB, Reason.INTERNAL),
        ([_ended(13, message="{")], JOB, Reason.INTERNAL),
        ([_ended(137, "Error")], JOB, Reason.OUT_OF_MEMORY),
        ([_ended(1, "OOMKilled")], JOB, Reason.OUT_OF_MEMORY),
        ([replace(POD, disruption="low on memory")], JOB, Reason.EVICTED),
        ([replace(_ended(137), ending=True)], JOB, Reason.EVICTED),
        ([replace(_ended(143), ending=True)], JOB, Reason.EVICTED),
        ([replace(_ended(137, "OOMKilled"), ending=True)], JOB, Reason.OUT_OF_MEMORY),
        ([], replace(JOB, failure="BackoffLimitExceeded"), Reason.EVICTED),
        ([], JOB, Reason.INTERNAL),
        ([_said("DataRejected")], replace(JOB, failure="DeadlineExceeded"), Reason.DEADLINE_EXCEEDED),
    ],
)
def test_a_failed_job_has_one_published_reason_and_waits_for_the_user(
    pods: list[PodFacts], job: JobFacts, reason: Reason
) -> None:
    found = failure(job, pods, TRAINING, "f")

    assert (found.reason, found.stalled) == (reason, True)


def test_the_last_pod_of_several_decides() -> None:
    first = _said("SourceUnreachable")
    last = replace(_said("DataRejected"), created=CREATED + timedelta(minutes=1))

    assert failure(JOB, [last, first], TRAINING, "f").reason is Reason.DATA_REJECTED
    assert failure(JOB, [first, last], TRAINING, "f").reason is Reason.DATA_REJECTED


@pytest.mark.parametrize(("content", "limit"), [(MINIMAL, "2Gi"), (FULL, "4Gi")], ids=["default", "own"])
def test_out_of_memory_names_the_limit_that_was_too_small(content: dict[str, object], limit: str) -> None:
    found = failure(JOB, [_ended(137, "OOMKilled")], spec(content).training, "f")

    assert f"its limit of {limit}" in found.message


@pytest.mark.parametrize(
    ("pods", "refusal", "reason"),
    [
        ([], None, Reason.TRAINING),
        ([], "pods are forbidden: exceeded quota: q", Reason.QUOTA_EXCEEDED),
        ([], "violates PodSecurity", Reason.WAITING),
        ([POD], None, Reason.TRAINING),
        ([replace(POD, unschedulable="0/3 nodes")], None, Reason.UNSCHEDULABLE),
        ([replace(POD, waiting=("ErrImagePull", "not found"))], None, Reason.IMAGE_UNAVAILABLE),
        ([replace(POD, waiting=("ContainerCreating", ""))], None, Reason.TRAINING),
        ([replace(POD, waiting=("CreateContainerConfigError", "no secret"))], None, Reason.WAITING),
        ([replace(POD, disruption="preempted")], None, Reason.EVICTED),
        ([_said("SourceUnreachable")], None, Reason.SOURCE_UNREACHABLE),
        ([_said("SourceUnreachable", fingerprint="other")], None, Reason.TRAINING),
        ([_said("Succeeded")], None, Reason.TRAINING),
    ],
)
def test_a_job_that_goes_on_says_what_it_waits_for(pods: list[PodFacts], refusal: str | None, reason: Reason) -> None:
    found = progress(pods, refusal, "f")

    assert (found.reason, found.stalled) == (reason, False)


@pytest.mark.parametrize("reason", [Reason.UNSCHEDULABLE, Reason.IMAGE_UNAVAILABLE, Reason.QUOTA_EXCEEDED])
def test_a_training_that_never_began_failed_for_what_held_it_up_and_not_for_its_time(reason: Reason) -> None:
    too_late = Finding(Reason.DEADLINE_EXCEEDED, "too long", stalled=True)

    found = late(too_late, _trained("Unknown", reason))

    assert (found.reason, found.stalled) == (reason, True)
    assert "0/3 nodes" in found.message


def test_a_training_that_took_too_long_says_so() -> None:
    too_late = Finding(Reason.DEADLINE_EXCEEDED, "too long", stalled=True)
    rejected = Finding(Reason.DATA_REJECTED, "text", stalled=True)

    for before in (DetectorStatus(), _trained("Unknown", Reason.TRAINING), _trained("False", Reason.UNSCHEDULABLE)):
        assert late(too_late, before) == too_late
    assert late(rejected, _trained("Unknown", Reason.UNSCHEDULABLE)) == rejected


def test_while_the_pods_of_a_failed_job_go_what_they_told_of_stays() -> None:
    assert unchanged(_trained("Unknown", Reason.UNSCHEDULABLE)) == Finding(Reason.UNSCHEDULABLE, "0/3 nodes")
    assert unchanged(_trained("True", Reason.SUCCEEDED)).reason is Reason.TRAINING


def _trained(status: Truth, reason: Reason) -> DetectorStatus:
    condition = Condition(
        type=ConditionType.TRAINED,
        status=status,
        reason=reason,
        message="0/3 nodes",
        observed_generation=1,
        last_transition_time=CREATED,
    )
    return DetectorStatus(conditions=(condition,))


def test_what_may_be_mended_without_an_edit_says_how_to_train_again() -> None:
    rejected = Finding(Reason.DATA_REJECTED, "column `y` is text", stalled=True)
    memory = Finding(Reason.OUT_OF_MEMORY, "raise spec.training.resources.limits.memory", stalled=True)

    advice = "to train again without an edit, annotate the detector with pynomaly.io/retrain"
    assert advised(rejected) == Finding(Reason.DATA_REJECTED, f"column `y` is text; {advice}", stalled=True)
    assert advised(memory) == memory
