import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.operator.resources import FULL, MINIMAL, spec

from pynomaly_operator.observed import JobFacts, PodFacts, Termination
from pynomaly_operator.status.findings import Reason
from pynomaly_operator.status.training import failure, progress

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
        ([replace(POD, reason="Evicted")], JOB, Reason.EVICTED),
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
    ],
)
def test_a_job_that_goes_on_says_what_it_waits_for(pods: list[PodFacts], refusal: str | None, reason: Reason) -> None:
    found = progress(pods, refusal)

    assert (found.reason, found.stalled) == (reason, False)
