"""Telling a pod that a file mounted in it has new content: an annotation, whose change makes the kubelet look at once.

The kubelet may hear of the annotation before it hears of the ConfigMap or Secret. It then finds the old content, and by
itself looks again only after a minute or more. So a pod that stays behind is told again, with another value, at growing
intervals. The value says all that is needed to go on after a restart of the operator.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(seconds=30)

_TEXT = re.compile(r"(?P<content>[0-9a-f]{1,64})/(?P<attempt>[1-9]\d{0,5})/(?P<sent>\S{1,40})")


@dataclass(frozen=True, slots=True)
class Notification:
    """What a pod was told last."""

    content: str
    """Tells one content of the file from another."""
    attempt: int
    """How often the pod has been told of this content; 1 or more."""
    sent: datetime

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The annotation's value; None where it is not one of ours."""
        found = None if text is None else _TEXT.fullmatch(text)
        if found is None:
            return None
        try:
            sent = datetime.fromisoformat(found["sent"])
        except ValueError:
            return None
        return None if sent.tzinfo is None else cls(found["content"], int(found["attempt"]), sent)

    def __str__(self) -> str:
        """The annotation's value."""
        return f"{self.content}/{self.attempt}/{self.sent.isoformat(timespec='milliseconds')}"

    @property
    def wait(self) -> timedelta:
        """How long the pod is given before it is told again: twice as long each time."""
        doublings = min(self.attempt - 1, 10)
        return min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))


def attempts(last: Notification | None, content: str) -> int:
    """How often a pod with this last notification has been told of the content."""
    return last.attempt if last is not None and last.content == content else 0


def due(last: Notification | None, content: str, now: datetime) -> Notification | None:
    """What a pod that is behind is to be told now; None: the last notification may still have its effect."""
    if last is None or last.content != content:
        return Notification(content, 1, now)
    # One from the future was written by another clock: it must not silence us.
    if timedelta(0) <= now - last.sent < last.wait:
        return None
    return Notification(content, last.attempt + 1, now)
