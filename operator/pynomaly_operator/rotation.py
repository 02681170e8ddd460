"""When a detector's API key is replaced, and until when the one before is still accepted.

A key becomes current only after every server has had the time to read it: so nobody who takes the current key from the
Secret, at any moment, is refused with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from pynomaly_operator.api.v1alpha1 import ApiKeys
from pynomaly_operator.desired.labels import KEY_ROTATED
from pynomaly_operator.desired.secret import CURRENT, NEXT, PREVIOUS
from pynomaly_operator.manifest import Manifest
from pynomaly_operator.owned import changed, has_path, holds_field
from pynomaly_operator.store import FIELD_MANAGER

NEXT_MANAGER = f"{FIELD_MANAGER}-next-key"
"""A manager of its own, whose entry in managedFields tells when the next key was written, and no other entry's time."""
SPREAD = timedelta(minutes=3)
"""A kubelet looks at a mounted Secret every 60 to 90 s, at what may be 60 s old; sooner when its pod was told."""
CLOCKS = timedelta(minutes=5)
"""An annotation that is later than the API server's own record by more than this was written by a wrong clock."""


class Step(Enum):
    """What is to be done to the Secret."""

    PREPARE = "prepare"
    ROTATE = "rotate"
    DROP_PREVIOUS = "drop previous"
    DROP_NEXT = "drop next"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a Secret's metadata tells of the keys in it."""

    made: datetime
    """When the current key was made."""
    rotated: bool
    """Whether an operator made it in place of another."""
    previous: bool
    """Whether the key before is still there."""
    prepared: datetime | None = None
    """When the next key was written; None when there is none."""
    ours: bool = False
    """Whether an operator wrote it."""


def keys(secret: Manifest) -> Keys | None:
    """From the Secret's metadata; None when it holds no current key."""
    written = changed(secret, "data", CURRENT)
    if written is None:
        return None
    noted = _time(secret.get("annotations", {}).get(KEY_ROTATED))
    made = written if noted is None or noted > written + CLOCKS else noted
    return Keys(
        made,
        rotated=noted is not None,
        previous=holds_field(secret, "data", PREVIOUS),
        prepared=changed(secret, "data", NEXT),
        ours=_is_ours(secret),
    )


def _is_ours(secret: Manifest) -> bool:
    """Whether no other than an operator wrote the next key."""
    fields = secret.get("managedFields", ())
    holders = {entry["manager"] for entry in fields if has_path(entry.get("fieldsV1", {}), "data", NEXT)}
    return holders == {NEXT_MANAGER}


def due(policy: ApiKeys, found: Keys, now: datetime) -> tuple[Step, datetime] | None:
    """The next step and when it is due, which may be past; None: there is none to wait for.

    A previous key that no operator put there is its user's own, and stays until the first rotation; and so does a next
    one.
    """
    steps = []
    if found.previous and found.rotated:
        steps.append((Step.DROP_PREVIOUS, found.made + policy.overlap_time))
    if policy.rotation_time is not None:
        steps.append(_next(found, found.made + policy.rotation_time))
    elif found.prepared is not None and found.ours:
        steps.append((Step.DROP_NEXT, found.prepared))  # servers accept it, and it will never be anyone's
    # After an outage both are due: the rotation puts another key in the previous one's place, and gives it its overlap.
    past = [step for step in steps if step[1] <= now]
    return max(past, key=lambda step: step[1]) if past else min(steps, key=lambda step: step[1], default=None)


def _next(found: Keys, end: datetime) -> tuple[Step, datetime]:
    """Towards another key, when the current one's time ends then."""
    if found.prepared is None:
        return Step.PREPARE, end - SPREAD
    return Step.ROTATE, max(end, found.prepared + SPREAD)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found
