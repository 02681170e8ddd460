"""What asks for another training of the same spec: the annotation's value and the schedule's last due tick.

Both are part of the fingerprint, so what asks for it is enough to train once, however often it is looked at, and after
however long an outage. Neither is ever taken back: an annotation or schedule that is removed leaves the model that it
led to. What was asked for is kept in the status; where that is lost, it follows again from the resource.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynomaly_operator.api.status import TriggerStatus
from pynomaly_operator.api.ticks import delay, last_tick, next_tick
from pynomaly_operator.api.v1alpha1 import Schedule

LONGEST_VALUE = 64
"""Characters of the annotation's value that are told as they are; a longer one is told by its hash."""
SKEW = timedelta(hours=2)
"""A tick further ahead than this was written by a clock that was wrong, and does not keep others from coming."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the resource says of it."""

    uid: str
    created: datetime
    retrain: str | None
    """The value of the annotation `pynomaly.io/retrain`."""
    schedule: Schedule | None


def trigger(asked: Asked, before: TriggerStatus | None, now: datetime, *, reported: bool) -> TriggerStatus | None:
    """What asks now, given what asked before; None: nothing but the spec itself ever did.

    A schedule of a detector that is `reported` on already counts from when it is first seen: to write one trains
    nothing. That of a new one counts from its creation.
    """
    old = before or TriggerStatus()
    retrain = _told(asked.retrain) or old.retrain
    if asked.schedule is None:
        found = TriggerStatus(retrain=retrain, tick=old.tick)
    else:
        text = f"{asked.schedule.cron} {asked.schedule.zone}"
        since = old.since if old.since is not None and old.schedule == text else (now if reported else asked.created)
        since = since.replace(microsecond=0)
        tick = _tick(asked, asked.schedule, min(since, now), old.tick, now)
        found = TriggerStatus(retrain=retrain, tick=tick, schedule=text, since=since)
    return None if found == TriggerStatus() else found


def _tick(asked: Asked, schedule: Schedule, since: datetime, before: datetime | None, now: datetime) -> datetime | None:
    due = last_tick(schedule, now - delay(asked.uid))
    if due is None or due <= since:
        return before
    if before is None or before > now + SKEW:
        return due
    return max(before, due)  # another operator's clock may have been ahead of ours


def next_due(asked: Asked, now: datetime) -> datetime | None:
    """When the schedule is due next; None without one."""
    if asked.schedule is None:
        return None
    late = delay(asked.uid)
    following = next_tick(asked.schedule, now - late)
    return None if following is None else following + late


def _told(value: str | None) -> str | None:
    if not value or len(value) <= LONGEST_VALUE:
        return value or None
    return hashlib.sha256(value.encode()).hexdigest()
