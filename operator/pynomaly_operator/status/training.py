"""From a Job and its pods to what came of the training, or what holds it up."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pynomaly_operator.api.status import ConditionType, DetectorStatus
from pynomaly_operator.api.v1alpha1 import DEFAULT_TIMEOUT, Training
from pynomaly_operator.desired.job import DEFAULT_RESOURCES
from pynomaly_operator.desired.labels import RETRAIN
from pynomaly_operator.observed import JobFacts, PodFacts, Termination
from pynomaly_operator.status.findings import Finding, Reason, published

KILLED = 137
STOPPED = 143
HELD_UP = frozenset({Reason.UNSCHEDULABLE, Reason.IMAGE_UNAVAILABLE, Reason.QUOTA_EXCEEDED})
"""What keeps a training from beginning."""
IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
    | {"RegistryUnavailable", "SignatureValidationFailed"}
)
MENDED_ELSEWHERE = frozenset(
    {Reason.SOURCE_UNREACHABLE, Reason.DATA_REJECTED, Reason.FIT_FAILED, Reason.EVICTED, Reason.REGISTRY_UNAVAILABLE}
    | {Reason.INTERNAL, *HELD_UP}
)
"""What may be mended without an edit of the resource, of which nobody then tells."""
AGAIN = f"to train again without an edit, annotate the detector with {RETRAIN}"
CONTAINER_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


class TerminationMessage(BaseModel):
    """What the trainer leaves behind in its pod's status."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1]
    fingerprint: str
    outcome: str
    message: str = ""


def failure(job: JobFacts, pods: Sequence[PodFacts], training: Training, fingerprint: str) -> Finding:
    """Why a Job failed; every such finding waits for the user."""
    if job.failure == "DeadlineExceeded":
        limit = training.timeout or DEFAULT_TIMEOUT
        text = f"the training took longer than {limit}: raise spec.training.timeout"
        return Finding(Reason.DEADLINE_EXCEEDED, text, stalled=True)
    for pod in sorted(pods, key=lambda pod: pod.created, reverse=True):
        found = _pod_failure(pod, training, fingerprint)
        if found is not None:
            return found
    if f"exit code {KILLED}" in job.message:
        return _out_of_memory(training)
    if job.failure == "BackoffLimitExceeded":
        text = f"the training's pods were deleted before they ended: {job.message or job.failure}"
        return Finding(Reason.EVICTED, text, stalled=True)
    text = f"the training failed and its pod is gone: {job.message or job.failure}"
    return Finding(Reason.INTERNAL, text, stalled=True)


def advised(failed: Finding) -> Finding:
    """The same, and what to do where the resource need not be edited: a failed training is not repeated by itself."""
    if failed.reason not in MENDED_ELSEWHERE:
        return failed
    return replace(failed, message=f"{failed.message}; {AGAIN}")


def _pod_failure(pod: PodFacts, training: Training, fingerprint: str) -> Finding | None:
    if pod.disruption is not None:
        return Finding(Reason.EVICTED, _evicted(pod), stalled=True)
    ended = pod.termination
    if ended is None or ended.exit_code == 0:
        return None
    if pod.ending and ended.reason != "OOMKilled" and ended.exit_code in (KILLED, STOPPED):
        return Finding(Reason.EVICTED, f"the training's pod {pod.name} was deleted before it ended", stalled=True)
    if ended.reason == "OOMKilled" or ended.exit_code == KILLED:
        return _out_of_memory(training)
    said = _said(ended, fingerprint)
    if said is None:
        text = f"the trainer ended with exit code {ended.exit_code}: {ended.message or ended.reason}"
        return Finding(Reason.INTERNAL, text, stalled=True)
    return Finding(published(said.outcome), said.message, stalled=True)


def _evicted(pod: PodFacts) -> str:
    return f"the training's pod {pod.name} was evicted from its node: {pod.disruption}"


def unchanged(before: DetectorStatus) -> Finding:
    """What was last told of the training, while the pods that tell of it are being removed."""
    trained = before.condition(ConditionType.TRAINED)
    if trained is None or trained.status != "Unknown":
        return Finding(Reason.TRAINING, "the training is ending")
    return Finding(published(trained.reason), trained.message)


def late(failed: Finding, before: DetectorStatus) -> Finding:
    """The same; but of a training that never began, what kept it from that is the reason, not the time that it took."""
    trained = before.condition(ConditionType.TRAINED)
    if failed.reason is not Reason.DEADLINE_EXCEEDED or trained is None or trained.status != "Unknown":
        return failed
    reason = published(trained.reason)
    if reason not in HELD_UP:
        return failed
    return Finding(reason, f"the training could not begin within its timeout: {trained.message}", stalled=True)


def _said(ended: Termination, fingerprint: str) -> TerminationMessage | None:
    try:
        message = TerminationMessage.model_validate_json(ended.message)
    except ValidationError:
        return None
    return message if message.fingerprint == fingerprint else None


def _out_of_memory(training: Training) -> Finding:
    limit = training.resources.limits.memory
    if limit is None and not training.resources.requests.model_fields_set:
        limit = DEFAULT_RESOURCES["limits"]["memory"]
    allowed = f"its limit of {limit}" if limit is not None else "the node has"
    text = f"the training needed more memory than {allowed}: raise spec.training.resources.limits.memory"
    return Finding(Reason.OUT_OF_MEMORY, text, stalled=True)


def progress(pods: Sequence[PodFacts], refusal: str | None, fingerprint: str) -> Finding:
    """What a Job that has not ended does, or what it waits for; `refusal` is why no pod can be created."""
    if not pods:
        return _without_pod(refusal)
    pod = max(pods, key=lambda pod: pod.created)
    held_up = pod_hindrance(pod) or _tried_again(pod, fingerprint)
    return held_up if held_up is not None else Finding(Reason.TRAINING, f"training in pod {pod.name}")


def _tried_again(pod: PodFacts, fingerprint: str) -> Finding | None:
    """Why the last pod ended in vain, while the Job makes another."""
    if pod.disruption is not None:
        return Finding(Reason.EVICTED, f"{_evicted(pod)}; it begins anew")
    said = None if pod.termination is None or not pod.ended else _said(pod.termination, fingerprint)
    if said is None or said.outcome == Reason.SUCCEEDED:
        return None
    return Finding(published(said.outcome), f"{said.message}; it is tried again")


def _without_pod(refusal: str | None) -> Finding:
    return begun() if refusal is None else refused_pod(refusal)


def begun() -> Finding:
    """The Job is being created, or has been, and its controller is about to act."""
    return Finding(Reason.TRAINING, "the training's pod is being created")


def refused_pod(refusal: str) -> Finding:
    """Why the API server takes no pod, in its own words."""
    if "exceeded quota" in refusal:
        return Finding(Reason.QUOTA_EXCEEDED, refusal)
    return Finding(Reason.WAITING, f"the namespace takes no pod: {refusal}")


def pod_hindrance(pod: PodFacts) -> Finding | None:
    """Why a pod does not start; None when it does."""
    if pod.unschedulable is not None:
        return Finding(Reason.UNSCHEDULABLE, f"no node takes pod {pod.name}: {pod.unschedulable}")
    if pod.waiting is not None and pod.waiting[0] in IMAGE_REASONS:
        return Finding(Reason.IMAGE_UNAVAILABLE, f"pod {pod.name}: {': '.join(part for part in pod.waiting if part)}")
    if pod.waiting is not None and pod.waiting[0] in CONTAINER_REASONS:
        return Finding(Reason.WAITING, f"pod {pod.name}: {': '.join(part for part in pod.waiting if part)}")
    return None
