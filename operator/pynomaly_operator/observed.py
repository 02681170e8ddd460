"""What the API server's objects say, reduced to the facts that decide something here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynomaly_operator.desired.labels import KEYS_HASH, SERVING_HASH
from pynomaly_operator.manifest import Manifest
from pynomaly_operator.notification import Notification
from pynomaly_operator.owned import holds_scale


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """How far a Deployment is."""

    created: datetime
    generation: int
    observed_generation: int
    wanted: int
    replicas: int
    updated: int
    ready: int
    refusal: str | None
    """Why no pods can be created, in the API server's words."""
    stuck: bool = False
    """Whether a rollout has come no further for longer than the Deployment's deadline."""
    scaled: bool = False
    """Whether `wanted` was set through the scale subresource, as autoscalers and `kubectl scale` do."""

    @property
    def settled(self) -> bool:
        """Whether all wanted pods, and no others, are of the current template and ready."""
        counts = {self.replicas, self.updated, self.ready}
        return self.observed_generation >= self.generation and counts == {self.wanted}

    def serves_with(self, least: int) -> bool:
        """Whether so many pods are ready, and all that exist are of the current template."""
        return self.updated == self.replicas and self.ready >= least

    @property
    def busy(self) -> bool:
        """Whether pods of the current template still take the place of others, and come on."""
        rolled = self.updated >= self.wanted and self.replicas <= self.updated
        return not self.stuck and not (self.observed_generation >= self.generation and rolled)


@dataclass(frozen=True, slots=True)
class JobFacts:
    """How far a Job is."""

    created: datetime
    pods: int
    """Pods that it has or had."""
    succeeded: bool
    failure: str | None
    """The reason why it failed, such as PodFailurePolicy; None: it did not."""
    message: str
    failing: bool = False
    """Whether it has failed, and its pods are still being removed."""

    @property
    def ended(self) -> bool:
        """Whether no more pods of it will run."""
        return self.succeeded or self.failure is not None

    @property
    def busy(self) -> bool:
        """Whether pods of it run or may run."""
        return not self.ended

    @property
    def trains(self) -> bool:
        """Whether a version may still come of it."""
        return self.busy and not self.failing


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container ended."""

    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PodFacts:
    """How a pod is."""

    name: str
    created: datetime
    address: str | None
    ready: bool
    ending: bool
    """Whether it is being deleted."""
    ended: bool
    """Whether its containers have ended for good."""
    reason: str
    """The pod's own reason, such as Evicted."""
    unschedulable: str | None
    """Why no node takes it."""
    waiting: tuple[str, str] | None
    """Why its container does not start: reason and message."""
    termination: Termination | None
    """How its container ended the last time."""
    notifications: Mapping[str, Notification]
    """What it was told last of the files that it mounts, by annotation."""
    disruption: str | None = None
    """Why the cluster took it from its node, such as preemption; None: it did not."""


def deployment_facts(body: Manifest) -> DeploymentFacts:
    """The facts of a Deployment."""
    status = body.get("status", {})
    refusal = _true_condition(status, "ReplicaFailure")
    return DeploymentFacts(
        created=moment(body["metadata"]["creationTimestamp"]),
        generation=body["metadata"].get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        wanted=body["spec"].get("replicas", 1),
        replicas=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        refusal=refusal.get("message", "") if refusal else None,
        stuck=_stuck(status),
        scaled=holds_scale(body["metadata"]),
    )


def _stuck(status: Manifest) -> bool:
    conditions: Iterable[Mapping[str, Any]] = status.get("conditions", ())
    return any(c["type"] == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded" for c in conditions)


def job_facts(body: Manifest) -> JobFacts:
    """The facts of a Job."""
    status = body.get("status", {})
    # FailureTarget comes first, while pods are still ending: their outcome may not be written yet.
    failed = _true_condition(status, "Failed")
    complete = _true_condition(status, "Complete")
    return JobFacts(
        created=moment(body["metadata"]["creationTimestamp"]),
        pods=sum(status.get(count, 0) for count in ("active", "failed", "succeeded")),
        succeeded=complete is not None,
        failure=failed.get("reason", "Failed") if failed else None,
        message=(failed or {}).get("message", ""),
        failing=failed is None and _true_condition(status, "FailureTarget") is not None,
    )


def pod_facts(body: Manifest) -> PodFacts:
    """The facts of a pod with one container."""
    metadata, status = body["metadata"], body.get("status", {})
    container: Mapping[str, Any] = next(iter(status.get("containerStatuses", ())), {})
    state, last = container.get("state", {}), container.get("lastState", {})
    return PodFacts(
        name=metadata["name"],
        created=moment(metadata["creationTimestamp"]),
        address=status.get("podIP"),
        ready=_true_condition(status, "Ready") is not None,
        ending="deletionTimestamp" in metadata,
        ended=status.get("phase") in ("Succeeded", "Failed"),
        reason=status.get("reason", ""),
        unschedulable=_unschedulable(status),
        waiting=_waiting(state),
        termination=_termination(state) or _termination(last),
        notifications=_notifications(metadata.get("annotations", {})),
        disruption=_disruption(status),
    )


def _notifications(annotations: Mapping[str, str]) -> dict[str, Notification]:
    found = {topic: Notification.parse(annotations.get(topic)) for topic in (SERVING_HASH, KEYS_HASH)}
    return {topic: notification for topic, notification in found.items() if notification is not None}


def moment(text: str) -> datetime:
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def _true_condition(status: Manifest, kind: str) -> Mapping[str, Any] | None:
    conditions: Iterable[Mapping[str, Any]] = status.get("conditions", ())
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def _disruption(status: Manifest) -> str | None:
    if status.get("reason") == "Evicted":
        return str(status.get("message", "Evicted"))
    found = _true_condition(status, "DisruptionTarget")
    return None if found is None else str(found.get("message") or found.get("reason", ""))


def _unschedulable(status: Manifest) -> str | None:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message", ""))
    return None


def _waiting(state: Manifest) -> tuple[str, str] | None:
    waiting = state.get("waiting")
    return None if waiting is None else (waiting.get("reason", ""), waiting.get("message", ""))


def _termination(state: Manifest) -> Termination | None:
    ended = state.get("terminated")
    if ended is None:
        return None
    return Termination(ended["exitCode"], ended.get("reason", ""), ended.get("message", ""))
