"""How far the serving pods are with the model that they were told to serve."""

from collections.abc import Sequence
from dataclasses import dataclass

from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.observed import DeploymentFacts, PodFacts
from pynomaly_operator.pod_report import PodReport
from pynomaly_operator.status.findings import Finding, Reason, published
from pynomaly_operator.status.training import pod_hindrance, refused_pod


@dataclass(frozen=True, slots=True)
class ServingPod:
    """A pod and what it says of itself; None: it does not answer."""

    facts: PodFacts
    report: PodReport | None
    told: int = 0
    """How often it has been told of the serving.json that names the target."""

    def serves(self, target: ModelStatus) -> bool:
        """Whether the pod says that it answers with this model."""
        if self.report is None or self.report.stable is None:
            return False
        # Two versions may be the same bytes, and an answer names its version.
        return (self.report.stable.version, self.report.stable.digest) == (target.version, target.digest)

    def is_behind(self, target: ModelStatus) -> bool:
        """Whether it may not know of the target: it neither serves it nor says why it cannot."""
        if self.serves(target) or not (self.facts.ready or self.report is not None):
            return False
        return not self._failed(target)

    def _failed(self, target: ModelStatus) -> bool:
        problem = None if self.report is None else self.report.problem
        return problem is not None and problem.digest == target.digest


PATIENCE = 5
"""Pods that are behind after so many notifications, half a minute, are looked at less often."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where a rollout stands."""

    served: bool
    """Every ready pod, and at least one, serves the target."""
    finding: Finding | None
    """What is still missing; None: all wanted pods serve the target."""
    switching: bool = False
    """Whether a ready pod may switch to the target at any moment, of which no watch would tell."""


def settled() -> Rollout:
    """All wanted pods serve the target."""
    return Rollout(served=True, finding=None)


def rollout(deployment: DeploymentFacts | None, pods: Sequence[ServingPod], target: ModelStatus) -> Rollout:
    """The state of the rollout of `target`; `pods` are all pods of the Deployment that are not ending."""
    ready = [pod for pod in pods if pod.facts.ready]
    behind = [pod for pod in ready if not pod.serves(target)]
    served = bool(ready) and not behind
    switching = any(pod.is_behind(target) and pod.told < PATIENCE for pod in ready)
    return Rollout(served, _finding(deployment, pods, target), switching)


def _finding(deployment: DeploymentFacts | None, pods: Sequence[ServingPod], target: ModelStatus) -> Finding | None:
    if deployment is None:
        return Finding(Reason.ROLLING_OUT, "the Deployment is being created")
    behind = [pod for pod in pods if not (pod.facts.ready and pod.serves(target))]
    if deployment.settled and pods and not behind:
        return None
    if not deployment.settled and deployment.refusal is not None:
        return refused_pod(deployment.refusal)
    for pod in behind:
        found = _hindrance(pod, target)
        if found is not None:
            return found
    return _under_way(deployment, len(pods) - len(behind), target)


def _hindrance(pod: ServingPod, target: ModelStatus) -> Finding | None:
    problem = None if pod.report is None else pod.report.problem
    if problem is not None and problem.digest == target.digest:
        reason = published(problem.reason)
        text = f"pod {pod.facts.name} cannot load version {target.version}: {problem.message}"
        return Finding(reason, text, stalled=reason is not Reason.REGISTRY_UNAVAILABLE)
    if pod.facts.termination is not None and pod.facts.termination.reason == "OOMKilled" and not pod.facts.ready:
        text = f"pod {pod.facts.name} ran out of memory: raise spec.serving.resources.limits.memory"
        return Finding(Reason.OUT_OF_MEMORY, text, stalled=True)
    return pod_hindrance(pod.facts)


def _under_way(deployment: DeploymentFacts, up_to_date: int, target: ModelStatus) -> Finding:
    if deployment.settled:
        text = f"{up_to_date} of {deployment.wanted} pods serve version {target.version}"
        return Finding(Reason.ROLLING_OUT, text)
    current = deployment.observed_generation >= deployment.generation and deployment.updated == deployment.wanted
    text = f"{deployment.ready} of {deployment.wanted} pods are ready"
    return Finding(Reason.PODS_NOT_READY if current else Reason.ROLLING_OUT, text)
