"""Waiting for a state instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.cluster.errors import ClusterError

_PAUSE = 0.05
Answer = TypeVar("Answer")


class NotInTime(ClusterError):
    """What was waited for did not come about."""


def until(check: Callable[[], Answer], *, within: float, what: str) -> Answer:
    """The first truthy answer of `check`, which is asked again and again for `within` seconds.

    Raises:
        NotInTime: `what` did not come about.
    """
    deadline = time.monotonic() + within
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotInTime(f"Waited {within:g} s in vain for: {what}.")
        time.sleep(_PAUSE)
