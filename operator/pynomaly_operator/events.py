"""What there is to tell of a detector in events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pynomaly_operator.api.status import ConditionType, DetectorStatus
from pynomaly_operator.status.findings import Reason


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a detector."""

    reason: str
    message: str
    kind: Literal["Normal", "Warning"] = "Normal"


def key_made(secret: str) -> Event:
    """A key had to be made: for a new detector, or because the Secret or its entry was deleted."""
    when = "serving pods accept it, and refuse earlier ones, once the kubelet has refreshed the file that they mount"
    return Event(Reason.SUCCEEDED, f"Secret {secret} has a new API key: {when}")


def key_rotated(secret: str, until: datetime) -> Event:
    """The current key became the previous one."""
    text = (
        f"Secret {secret} has a new API key; the previous one is accepted until {until.isoformat(timespec='seconds')}"
    )
    return Event(Reason.SUCCEEDED, text)


def previous_key_dropped(secret: str) -> Event:
    """The overlap of two keys is over."""
    return Event(Reason.SUCCEEDED, f"Secret {secret}: the previous API key is no longer accepted")


def events_between(before: DetectorStatus, after: DetectorStatus) -> list[Event]:
    """What two statuses in a row tell: a change of Ready, and a training that ended."""
    found = []
    if _changed(before, after, ConditionType.READY):
        found.append(_event(after, ConditionType.READY))
    if _changed(before, after, ConditionType.TRAINED):
        event = _event(after, ConditionType.TRAINED)
        if event not in found:
            found.append(event)
    return found


def _changed(before: DetectorStatus, after: DetectorStatus, kind: ConditionType) -> bool:
    old, new = before.condition(kind), after.condition(kind)
    return new is not None and (old is None or (old.status, old.reason) != (new.status, new.reason))


def _event(status: DetectorStatus, kind: ConditionType) -> Event:
    condition, stalled = status.condition(kind), status.condition(ConditionType.STALLED)
    if condition is None:
        raise ValueError(f"the status has no condition {kind}")
    failed = kind is ConditionType.TRAINED and condition.status == "False"  # a retrain that failed stalls nothing
    warning = failed or (condition.status != "True" and stalled is not None and stalled.status == "True")
    return Event(condition.reason, condition.message, "Warning" if warning else "Normal")
