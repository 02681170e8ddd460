"""The whole status of one pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pynomaly_operator.api.status import DetectorStatus, ModelStatus, VersionStatus
from pynomaly_operator.desired import names
from pynomaly_operator.desired.labels import SERVER, selector_text
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.observed import DeploymentFacts
from pynomaly_operator.status.conditions import Aspects, conditions
from pynomaly_operator.status.course import Course
from pynomaly_operator.status.findings import Finding
from pynomaly_operator.status.rollout import Rollout

LISTED_VERSIONS = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass observed."""

    detector: Identity
    generation: int
    suspended: bool
    deployment: DeploymentFacts | None
    now: datetime


def report(seen: Seen, course: Course, rollout: Rollout | None, before: DetectorStatus) -> DetectorStatus:
    """The status; `rollout` is None while there is nothing to serve."""
    model = course.target if rollout is not None and rollout.served else before.model
    ready = 0 if seen.deployment is None else seen.deployment.ready
    aspects = Aspects(
        trained=course.trained,
        ready_pods=ready,
        finding=first_finding(course, rollout),
        suspended=seen.suspended,
        served="" if model is None else f"version {model.version} is served by all wanted pods",
    )
    return DetectorStatus(
        observed_generation=seen.generation,
        conditions=conditions(aspects, seen.generation, before.conditions, seen.now),
        model=model,
        target=course.target,
        training=course.outcome,
        trigger=course.trigger,
        versions=_versions((course.newest, course.target), before),
        endpoint=names.endpoint(seen.detector),
        replicas=0 if seen.deployment is None else seen.deployment.replicas,
        selector=selector_text(seen.detector, SERVER),
    )


def first_finding(course: Course, rollout: Rollout | None) -> Finding | None:
    """What the resource waits for first: the training comes before the rollout."""
    if course.finding is not None or rollout is None:
        return course.finding
    return rollout.finding


def _versions(known: Iterable[ModelStatus | None], before: DetectorStatus) -> tuple[VersionStatus, ...]:
    listed = {version.version: version for version in before.versions}
    for model in known:
        if model is not None:
            listed[model.version] = VersionStatus(version=model.version, digest=model.digest, algorithm=model.algorithm)
    return tuple(sorted(listed.values(), key=lambda version: -version.version)[:LISTED_VERSIONS])
