"""One level-triggered pass for one detector: observe, decide, write what differs, report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.parse import parse_serving, parse_spec, parse_status
from pynomaly_operator.api.status import DetectorStatus
from pynomaly_operator.api_keys import ApiKeys
from pynomaly_operator.calm import Calm
from pynomaly_operator.desired import names
from pynomaly_operator.desired.wanted import Identity, Programs, Wanted, WantedTraining
from pynomaly_operator.errors import FieldConflict, Hindrance
from pynomaly_operator.events import events_between
from pynomaly_operator.manifest import DEPLOYMENT
from pynomaly_operator.observed import DeploymentFacts
from pynomaly_operator.recorder import Recorder
from pynomaly_operator.rollouts import Rollouts
from pynomaly_operator.scaling import Scaling
from pynomaly_operator.status import course
from pynomaly_operator.status.course import Course
from pynomaly_operator.status.findings import Finding, finding_of
from pynomaly_operator.status.report import Seen, first_finding, report
from pynomaly_operator.status.rollout import Rollout
from pynomaly_operator.status.trigger import Asked, next_due
from pynomaly_operator.status.trigger import trigger as trigger_of
from pynomaly_operator.status_writer import Outcome, StatusWriter
from pynomaly_operator.store import Detector, Key, Store
from pynomaly_operator.training import Subject, Trainings
from pynomaly_operator.turns import Turns
from pynomaly_operator.writer import Writer, Written


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until a detector is looked at again, when no watch tells of a change before."""

    switching: float = 0.5
    """While pods change to another model: they tell nobody."""
    training: float = 5.0
    """While a Job runs, whose pods are not watched."""
    stalled: float = 30.0
    """While a person must act, perhaps on something that is not watched."""
    resync: float = 60.0
    """When all is well: Secrets are not watched, and one that was deleted is missed by the next pod that starts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a pass works with."""

    store: Store
    programs: Programs
    trainings: Trainings
    writer: Writer
    scaling: Scaling
    api_keys: ApiKeys
    rollouts: Rollouts
    statuses: StatusWriter
    recorder: Recorder
    turns: Sequence[Turns] = ()
    """What not all detectors may do at the same time."""
    pace: Pace = field(default_factory=Pace)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a pass."""

    again: float
    """Seconds until another, if nothing changes before."""
    calm: bool
    """Whether there is nothing to do unless something changes."""
    due: float | None
    """Seconds until there is something to do though nothing changes."""


class Reconciler:
    """Passes for any key; holds nothing of one between two passes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._calm = Calm(parts.store, parts.api_keys.look, parts.pace.resync)

    def wake_by(self, wake: Callable[[Key], None]) -> None:
        """Detectors whose turn comes are told to `wake`."""
        for turns in self._parts.turns:
            turns.on_free(wake)

    async def reconcile(self, key: Key) -> float | None:
        """One pass; the seconds after which another is due, or None when only a change can matter."""
        try:
            return await self._pass(key)
        finally:
            for turns in self._parts.turns:
                turns.passed(key)

    async def _pass(self, key: Key) -> float | None:
        seen = self._parts.store.detectors.get(key)
        if seen is None or seen.deleting:
            self._calm.forget(key)
            return None  # the garbage collector takes what it owned
        if (look := await self._calm.look(key, seen, self._parts.now())) is not None:
            self._parts.writer.children.unchanged(key)
            return look
        return await self._full_pass(key)

    async def _full_pass(self, key: Key) -> float | None:
        revision, seen = self._parts.store.revision(key), self._parts.store.detectors.get(key)
        if seen is None or seen.deleting:
            return None
        detector, before = Identity(*key, seen.uid), parse_status(seen.status)
        try:
            spec = parse_spec(seen.spec)
        except ResourceInvalid as error:
            invalid = course.of_hindrance(finding_of(error), before)
            return await self._serve_on(seen, detector, invalid, before)
        asked = Asked(seen.uid, seen.created, seen.retrain, spec.training.schedule)
        now, reported = self._parts.now(), before.observed_generation >= 0
        trigger = before.trigger if spec.suspend else trigger_of(asked, before.trigger, now, reported=reported)
        decided = await self._parts.trainings.course(Subject(detector, spec, before, trigger))
        training = WantedTraining(spec, decided.train, trigger)
        wanted = Wanted(
            detector, spec.serving, self._parts.programs, training, decided.target, spec.suspend, spec.network
        )
        done = await self._carry_out(seen, wanted, decided, before)
        due = _earliest(now, done.due, None if spec.suspend else next_due(asked, now))
        if done.calm and not any(turns.waits(key) for turns in self._parts.turns):
            self._calm.note(key, revision, due, now)
        return done.again if due is None else min(done.again, max(0.0, (due - now).total_seconds()))

    async def _serve_on(
        self, seen: Detector, detector: Identity, invalid: Course, before: DetectorStatus
    ) -> float | None:
        """What can be done for an invalid resource: what serves is kept in repair."""
        part = parse_serving(seen.spec)
        if part is None or part.suspend or invalid.target is None:
            reported = await self._report(self._seen(seen, detector, suspended=False), invalid, None, before)
            return FieldConflict.retry_after if reported is Outcome.PUT_OFF else None  # only an edit can help
        wanted = Wanted(detector, part.serving, self._parts.programs, target=invalid.target, network=part.network)
        done = await self._carry_out(seen, wanted, invalid, before)
        return done.again if done.due is None else min(done.again, done.due)

    async def _carry_out(self, seen: Detector, wanted: Wanted, decided: Course, before: DetectorStatus) -> _Done:
        scaled_by_other = await self._parts.scaling.by_other(wanted.detector, wanted.serving.replicas)
        wanted = replace(wanted, scaled_by_other=scaled_by_other)
        written = Written() if wanted.suspend else await self._parts.writer.write(wanted)
        if written.hindrance is not None:
            decided = decided.hindered(finding_of(written.hindrance))
        facts = self._seen(seen, wanted.detector, suspended=wanted.suspend)
        rollout = await self._parts.rollouts.look(wanted, facts, before)
        reported = await self._report(facts, decided, rollout, before)
        finding = None if decided.in_line else first_finding(decided, rollout) or decided.aside
        waits = [self._again_in(facts, finding, written.hindrance)]
        if reported is Outcome.PUT_OFF:
            waits.append(FieldConflict.retry_after)
        switching = rollout is not None and rollout.switching and not wanted.suspend
        if switching:
            waits.append(self._parts.pace.switching)
        # Another's autoscaler is not watched.
        calm = finding is None and written.hindrance is None and not (wanted.suspend or switching or scaled_by_other)
        calm = calm and reported is not Outcome.PUT_OFF
        if written.key_secret is not None and facts.deployment is not None:
            told_again = await self._parts.api_keys.tell_pods(
                wanted.detector, written.key_secret, facts.deployment.created
            )
            waits.append(waits[0] if told_again is None else told_again)
            calm = calm and told_again is None
        return _Done(min(waits), calm and not decided.in_line, written.wait)

    def _seen(self, seen: Detector, detector: Identity, *, suspended: bool) -> Seen:
        child = self._parts.store.child(
            (detector.namespace, detector.name), (DEPLOYMENT.name, names.deployment(detector))
        )
        facts = None if child is None or child.owner != detector.uid else child.facts
        deployment = facts if isinstance(facts, DeploymentFacts) else None
        return Seen(detector, seen.generation, suspended, deployment, self._parts.now())

    async def _report(self, seen: Seen, decided: Course, rollout: Rollout | None, before: DetectorStatus) -> Outcome:
        after = report(seen, decided, rollout, before)
        outcome = await self._parts.statuses.write(seen.detector, after)
        if outcome is Outcome.WRITTEN:
            for event in events_between(before, after):
                self._parts.recorder.record(seen.detector, event)
        return outcome

    def _again_in(self, seen: Seen, finding: Finding | None, hindrance: Hindrance | None) -> float:
        pace = self._parts.pace
        if hindrance is not None:
            return min(hindrance.retry_after, pace.stalled)
        if finding is None or seen.suspended:
            return self._calm.wait()
        return pace.stalled if finding.stalled else pace.training


def _earliest(now: datetime, seconds: float | None, moment: datetime | None) -> datetime | None:
    then = None if seconds is None else now + timedelta(seconds=seconds)
    return min((found for found in (then, moment) if found is not None), default=None)
