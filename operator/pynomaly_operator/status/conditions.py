"""From what was observed to the conditions, by the rules of kstatus for `Reconciling` and `Stalled`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pynomaly_operator.api.status import Condition, ConditionType
from pynomaly_operator.status.findings import Finding, Reason, shown

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition before it is dated."""

    status: Truth
    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True)
class Aspects:
    """What the conditions are about."""

    trained: Verdict
    ready_pods: int
    finding: Finding | None
    """The first thing that stands between the resource and its being served; None: nothing does."""
    suspended: bool
    served: str
    """What is served, as a sentence for when nothing stands in the way."""


def verdicts(aspects: Aspects) -> dict[ConditionType, Verdict]:
    """All five conditions."""
    return {
        ConditionType.READY: _ready(aspects),
        ConditionType.TRAINED: aspects.trained,
        ConditionType.SERVING: _serving(aspects),
        ConditionType.RECONCILING: _reconciling(aspects),
        ConditionType.STALLED: _stalled(aspects),
    }


def _ready(aspects: Aspects) -> Verdict:
    finding = aspects.finding
    if aspects.suspended:
        text = "suspended: nothing is trained, switched or repaired until spec.suspend is false"
        return Verdict("True" if finding is None else "False", Reason.SUSPENDED, text)
    if finding is None:
        return Verdict("True", Reason.SUCCEEDED, aspects.served)
    return Verdict("False", finding.reason, finding.message)


def _serving(aspects: Aspects) -> Verdict:
    if aspects.ready_pods > 0:
        return Verdict("True", Reason.SUCCEEDED, f"ready pods: {aspects.ready_pods}")
    return Verdict("False", Reason.PODS_NOT_READY, "no pod is ready")


def _reconciling(aspects: Aspects) -> Verdict:
    finding = aspects.finding
    if aspects.suspended:
        return Verdict("False", Reason.SUSPENDED)
    if finding is None:
        return Verdict("False", Reason.SUCCEEDED)
    if finding.stalled:
        return Verdict("False", finding.reason)
    return Verdict("True", finding.reason, finding.message)


def _stalled(aspects: Aspects) -> Verdict:
    finding = aspects.finding
    if aspects.suspended:
        return Verdict("False", Reason.SUSPENDED)
    if finding is None:
        return Verdict("False", Reason.SUCCEEDED)
    if finding.stalled:
        return Verdict("True", finding.reason, finding.message)
    return Verdict("False", finding.reason)


def conditions(aspects: Aspects, generation: int, before: Sequence[Condition], now: datetime) -> tuple[Condition, ...]:
    """The conditions of this generation; the time moves only where the status does."""
    old = {condition.type: condition for condition in before}
    return tuple(_dated(kind, verdict, generation, (old.get(kind), now)) for kind, verdict in verdicts(aspects).items())


def _dated(
    kind: ConditionType, verdict: Verdict, generation: int, past: tuple[Condition | None, datetime]
) -> Condition:
    old, now = past
    changed = old is None or old.status != verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=shown(verdict.message),
        observed_generation=generation,
        last_transition_time=now.replace(microsecond=0) if changed or old is None else old.last_transition_time,
    )
