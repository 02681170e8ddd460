"""What is to be done for the wanted model: the registry, the Job and the source are asked, in this order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from pynomaly_inference.errors import PynomalyError
from pynomaly_operator.api.network import Network
from pynomaly_operator.api.status import DetectorStatus, ModelStatus, TriggerStatus
from pynomaly_operator.api.v1alpha1 import DetectorSpec
from pynomaly_operator.desired import labels, names
from pynomaly_operator.desired.fingerprint import attempt, fingerprint
from pynomaly_operator.desired.network_policies import needs_permission
from pynomaly_operator.desired.sources import ClusterSource, cluster_source
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import RegistryUnavailable, SourceMissing, SourceNotAllowed
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import CLAIM, CONFIG_MAP, EVENT, JOB, POD, SECRET, Kind
from pynomaly_operator.observed import JobFacts, PodFacts, pod_facts
from pynomaly_operator.ownership import is_controlled_by
from pynomaly_operator.registry import Registry
from pynomaly_operator.status import course
from pynomaly_operator.status.course import Course, Goal
from pynomaly_operator.status.findings import Finding, Reason, finding_of
from pynomaly_operator.status.training import advised, begun, failure, late, progress, unchanged
from pynomaly_operator.store import Child, Store
from pynomaly_operator.turns import Turns, about
from pynomaly_operator.waiting import asked_since

POD_EXPECTED_AFTER = 3.0
"""Seconds after which a Job without a pod has been refused one, rather than not yet got it."""


@dataclass(frozen=True)
class Subject:
    """The detector of one pass."""

    detector: Identity
    spec: DetectorSpec
    before: DetectorStatus
    trigger: TriggerStatus | None = None
    """What asks to train it anew."""

    @cached_property
    def goal(self) -> Goal:
        """What is asked for now."""
        found = fingerprint(self.spec, self.trigger)
        plain = found if self.trigger is None else fingerprint(self.spec)
        retrained = "" if found == plain else plain
        return Goal(found, attempt(self.spec, self.trigger), self.spec.training.gates, retrained)


class Trainings:
    """Observes; writes nothing."""

    def __init__(self, kube: Kube, store: Store, registry: Registry, turns: Turns, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._store = store
        self._registry = registry
        self._turns = turns
        self._now = now

    async def course(self, subject: Subject) -> Course:
        """What follows for this detector."""
        decided = await self._decide(subject)
        pin = subject.spec.serving.version
        if pin is None:
            decided = decided.beside(subject.goal, subject.before)
        else:
            decided = await self._pinned(subject, decided, pin)
        decided = replace(decided, trigger=subject.trigger)
        return decided.suspended(subject.before) if subject.spec.suspend else decided

    async def _decide(self, subject: Subject) -> Course:
        goal, before = subject.goal, subject.before
        # Before the registry: a Job that ended by now has published by then.
        job = self._job(subject.detector, goal)
        try:
            model = await self._model(subject, goal, job)
        except RegistryUnavailable as error:
            return course.of_hindrance(finding_of(error), before)
        if model is not None:
            return course.of_model(goal, model, before)
        recorded = course.of_recorded_failure(goal, before)
        if recorded is not None:
            return recorded
        if job is not None:
            return await self._of_job(subject, goal, job)
        return await self._start(subject)

    async def _model(self, subject: Subject, goal: Goal, job: Child | None) -> ModelStatus | None:
        target = subject.before.target
        if target is not None and target.fingerprint == goal.fingerprint:
            return target
        if job is not None and _facts(job).trains:
            return None  # its end is told, and the registry is asked then
        return await self._registry.recorded(subject.detector, goal.fingerprint)

    async def _pinned(self, subject: Subject, decided: Course, version: int) -> Course:
        """Instead of the wanted fingerprint's version, the named one is served."""
        model = subject.before.target
        try:
            if model is None or model.version != version:
                model = await self._registry.version(subject.detector, version)
        except RegistryUnavailable as error:
            return decided.keeping(finding_of(error), subject.before)
        return course.of_pin(decided, subject.goal.gates, model, subject.before)

    def _job(self, detector: Identity, goal: Goal) -> Child | None:
        child = self._store.child((detector.namespace, detector.name), (JOB.name, names.job(detector, goal.attempt)))
        return child if child is not None and child.owner == detector.uid else None

    async def _of_job(self, subject: Subject, goal: Goal, job: Child) -> Course:
        facts = _facts(job)
        if facts.succeeded:
            text = "the training's Job succeeded, but the registry has no version of it"
            return course.of_failure(goal, Finding(Reason.INTERNAL, text, stalled=True), subject.before)
        pods = []
        if facts.pods or facts.ended or not self._is_new(facts):
            pods = await self._pods(subject.detector, names.job(subject.detector, goal.attempt), job.uid)
        if facts.ended:
            found = failure(facts, pods, subject.spec.training, goal.fingerprint)
            return course.of_failure(goal, advised(late(found, subject.before)), subject.before)
        if facts.failing:
            return course.of_progress(unchanged(subject.before), subject.before)
        refusal = None if pods else await self._refusal(subject.detector, job, facts)
        return course.of_progress(progress(pods, refusal, goal.fingerprint), subject.before)

    async def _pods(self, detector: Identity, job: str, uid: str) -> list[PodFacts]:
        """Those of this Job: not of one before of its name, nor what somebody gave its labels."""
        selector = f"batch.kubernetes.io/job-name={job},{labels.selector_text(detector, labels.TRAINER)}"
        found = await self._kube.list(POD, detector.namespace, labelSelector=selector)
        return [pod_facts(body) for body in found if is_controlled_by(body["metadata"], uid)]

    async def _refusal(self, detector: Identity, job: Child, facts: JobFacts) -> str | None:
        """Why the Job controller can create no pod: it says so nowhere but in an event."""
        if self._is_new(facts):
            return None
        fields = f"involvedObject.uid={job.uid},reason=FailedCreate"
        events = await self._kube.list(EVENT, detector.namespace, fieldSelector=fields)
        return str(events[-1].get("message", "")) if events else None

    def _is_new(self, facts: JobFacts) -> bool:
        return (self._now() - facts.created).total_seconds() < POD_EXPECTED_AFTER

    async def _start(self, subject: Subject) -> Course:
        if subject.spec.suspend:
            text = "suspended: nothing is trained until spec.suspend is false"
            return course.of_hindrance(Finding(Reason.SUSPENDED, text), subject.before)
        try:
            source = cluster_source(subject.spec.training.source.uri)
            _check_open(source, subject.spec.network)
            await self._check_allowed(subject.detector, source)
            await self._check_credentials(subject.detector, subject.spec.training.source.credentials)
        except PynomalyError as error:
            return course.of_hindrance(finding_of(error), subject.before)
        detector = subject.detector
        ahead = self._turns.take((detector.namespace, detector.name), asked_since(subject.before, self._now()))
        if ahead is not None:
            text = f"as many trainings run as may at a time, {self._turns.most}; waiting longer: {about(ahead)}"
            return course.of_line(Finding(Reason.WAITING, text), subject.before)
        return course.of_progress(begun(), subject.before)

    async def _check_allowed(self, detector: Identity, source: ClusterSource) -> None:
        """Raises when the claim or config map is absent, or does not say that detectors may read it."""
        if not source.mounted:
            return
        kind = CLAIM if source.scheme == "pvc" else CONFIG_MAP
        await self._check_label(detector, kind, source.name, "uri")

    async def _check_credentials(self, detector: Identity, secret: str | None) -> None:
        """The same of the Secret, of which no more than its metadata is ever read."""
        if secret is not None:
            await self._check_label(detector, SECRET, secret, "credentials")

    async def _check_label(self, detector: Identity, kind: Kind, name: str, field: str) -> None:
        found = await self._kube.get(kind, detector.namespace, name)
        if found is None:
            raise SourceMissing(
                f"spec.training.source.{field}: there is no {kind.name} `{name}` in namespace {detector.namespace}"
            )
        if found["metadata"].get("labels", {}).get(labels.USE) != labels.USE_TRAINING:
            label = f"{labels.USE}={labels.USE_TRAINING}"
            raise SourceNotAllowed(f"{kind.name} `{name}` does not let detectors read it: label it {label}")


def _facts(job: Child) -> JobFacts:
    if not isinstance(job.facts, JobFacts):
        raise TypeError(f"a Job has no facts of a {type(job.facts).__name__}")
    return job.facts


def _check_open(source: ClusterSource, network: Network) -> None:
    """Raises for a private address to which the training pods may not connect."""
    missing = needs_permission(source, network)
    if missing is not None:
        entry = f"{{cidr: {missing.cidr}, port: {missing.port}}}"
        raise SourceNotAllowed(
            f"spec.training.source.uri: {source.name} is a private address: add {entry} to spec.network.allowTo"
        )
