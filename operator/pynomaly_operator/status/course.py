"""What follows for a detector from what is known of its model and its training: train, serve, or wait."""

from dataclasses import dataclass, replace
from typing import Self

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.gates import failures
from pynomaly_inference.spec import Gates
from pynomaly_operator.api.status import DetectorStatus, ModelStatus, TrainingStatus, TriggerStatus
from pynomaly_operator.status.conditions import Verdict
from pynomaly_operator.status.findings import Finding, Reason, published, shown


@dataclass(frozen=True, slots=True)
class Goal:
    """What this generation of the resource asks for."""

    fingerprint: str
    attempt: str
    gates: Gates
    spec_fingerprint: str = ""
    """The fingerprint without what asked for a retrain; empty: nothing did."""

    def is_met_by(self, model: ModelStatus | None) -> bool:
        """Whether the model is of this spec and passes its gates, though perhaps trained before a retrain was asked."""
        if model is None or failures(self.gates, evaluation(model)):
            return False
        asked = self.spec_fingerprint or self.fingerprint
        return asked == (model.spec_fingerprint or model.fingerprint)


@dataclass(frozen=True, slots=True)
class Course:
    """What to do, and what to say of the training."""

    train: bool
    target: ModelStatus | None
    """The model to serve; the one that serves already until a better one has passed."""
    trained: Verdict
    finding: Finding | None
    """Why the wanted model is not the target; None: it is."""
    outcome: TrainingStatus | None
    """The last training that ended."""
    aside: Finding | None = None
    """What a training waits for that stands in the way of nothing: what is asked for is served."""
    newest: ModelStatus | None = None
    """The wanted fingerprint's version, served or not."""
    in_line: bool = False
    """Whether it waits for others' trainings to end, and is woken then."""
    trigger: TriggerStatus | None = None
    """What asks to train the same spec anew."""

    def beside(self, goal: Goal, before: DetectorStatus) -> Self:
        """The same; but a retrain, or its failure, stands in the way of nothing when what serves meets the goal."""
        target = before.target
        if self.finding is None or target is None or target.fingerprint == goal.fingerprint or self.target != target:
            return self
        return replace(self, finding=None, aside=self.finding) if goal.is_met_by(target) else self

    def suspended(self, before: DetectorStatus) -> Self:
        """The same knowledge, but nothing changes: what serves goes on, and nothing new is begun."""
        finding = self.finding
        if finding is None and self.target != before.target:
            finding = Finding(
                Reason.SUSPENDED, "the wanted model is trained; it will be served when spec.suspend is false"
            )
        return replace(self, train=False, target=before.target, finding=finding)

    def keeping(self, finding: Finding, before: DetectorStatus) -> Self:
        """What serves stays, for the version that the resource names cannot be served; training goes on."""
        return replace(self, target=before.target, finding=finding, aside=self.finding)

    def hindered(self, finding: Finding) -> Self:
        """The same course, with something else in the way first."""
        return replace(self, finding=finding)


def of_model(goal: Goal, model: ModelStatus, before: DetectorStatus) -> Course:
    """The wanted model exists: it is served if it passes the gates, and kept without being served if not."""
    outcome = TrainingStatus(fingerprint=goal.fingerprint, attempt=goal.attempt, outcome=Reason.SUCCEEDED)
    model = model.model_copy(update={"spec_fingerprint": goal.spec_fingerprint or None})
    failed = failures(goal.gates, evaluation(model))
    if not failed:
        text = f"version {model.version} was trained and passes its gates"
        return Course(False, model, Verdict("True", Reason.SUCCEEDED, text), None, outcome, newest=model)
    text = f"version {model.version} is not served: {'; '.join(failed)}"
    outcome = outcome.model_copy(update={"outcome": Reason.GATE_FAILED.value, "message": shown(text)})
    verdict = Verdict("False", Reason.GATE_FAILED, text)
    finding = Finding(Reason.GATE_FAILED, text, stalled=True)
    return Course(False, before.target, verdict, finding, outcome, newest=model)


def evaluation(model: ModelStatus) -> Evaluation:
    """The recorded metrics as gates judge them."""
    return Evaluation(**model.metrics.model_dump())


def of_pin(decided: Course, gates: Gates, model: ModelStatus | None, before: DetectorStatus) -> Course:
    """The resource names the version to serve: training goes on beside it, whatever comes of it.

    Gates hold for a named version too: one that fails them now goes on if it serves, and is not newly served.
    `model` is None when the registry has no such version.
    """
    if model is None:
        text = "spec.serving.version: there is no such version: name another, such as one of status.versions"
        return decided.keeping(Finding(Reason.RESOURCE_INVALID, text, stalled=True), before)
    failed = failures(gates, evaluation(model))
    if failed:
        text = f"spec.serving.version: version {model.version} fails its gates: {'; '.join(failed)}"
        return decided.keeping(Finding(Reason.GATE_FAILED, text, stalled=True), before)
    return replace(decided, target=model, finding=None, aside=decided.finding)


def of_failure(goal: Goal, failure: Finding, before: DetectorStatus) -> Course:
    """This attempt failed: it is recorded, and not repeated."""
    outcome = TrainingStatus(
        fingerprint=goal.fingerprint,
        attempt=goal.attempt,
        outcome=failure.reason,
        message=shown(failure.message),
    )
    verdict = Verdict("False", failure.reason, failure.message)
    return Course(False, before.target, verdict, failure, outcome)


def of_recorded_failure(goal: Goal, before: DetectorStatus) -> Course | None:
    """The course after a failure that an earlier pass recorded; None when this attempt has none."""
    last = before.training
    if last is None or last.attempt != goal.attempt or last.outcome in (Reason.SUCCEEDED, Reason.GATE_FAILED):
        return None
    return of_failure(goal, Finding(published(last.outcome), last.message, stalled=True), before)


def of_progress(progress: Finding, before: DetectorStatus) -> Course:
    """A Job is training, or is to be created."""
    verdict = Verdict("Unknown", progress.reason, progress.message)
    return Course(True, before.target, verdict, progress, before.training)


def of_line(waiting: Finding, before: DetectorStatus) -> Course:
    """A Job would be created, but as many run as may."""
    return replace(of_hindrance(waiting, before), in_line=True)


def of_hindrance(hindrance: Finding, before: DetectorStatus) -> Course:
    """Nothing can be trained now, or nobody knows whether it must be."""
    verdict = Verdict("False" if hindrance.stalled else "Unknown", hindrance.reason, hindrance.message)
    return Course(False, before.target, verdict, hindrance, before.training, trigger=before.trigger)
