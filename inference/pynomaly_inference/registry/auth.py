"""Who calls, as Kubernetes says, and what that service account may do."""

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from pynomaly_inference.registry.clock import Clock
from pynomaly_inference.registry.contract import DetectorKey

KNOWN_SECONDS = 60.0
"""How long an accepted token is believed without asking again: a deleted service account reads no longer than this."""
UNKNOWN_SECONDS = 5.0
"""How long a refused one stays refused."""
_REMEMBERED = 8192
_REVIEWS_AT_ONCE = 8
"""A flood of made-up tokens must not become a flood of requests to the API server."""
MAX_TOKEN = 16 * 1024


class Access(Enum):
    """What a caller wants to do with one detector's models."""

    READ = auto()
    PUBLISH = auto()


@dataclass(frozen=True, slots=True)
class Review:
    """The status of a TokenReview. audiences: those of the ones asked for that the token is good for."""

    authenticated: bool
    username: str
    audiences: tuple[str, ...]


class ReviewerUnavailable(Exception):
    """Nobody can say now whose token it is."""


class TokenReviewer(Protocol):
    """Asks Kubernetes whose a token is."""

    async def review(self, token: str, audience: str) -> Review:
        """The API server's answer; raises ReviewerUnavailable when there is none."""
        ...


def may(username: str, access: Access, detector: DetectorKey, operator: str) -> bool:
    """Whether an authenticated user may do this; `operator` is NAMESPACE:NAME.

    A detector's own service accounts live in its namespace and carry its UID in their names: the trainer's publishes
    and reads, the server's reads. The operator reads everything. Nobody else may do anything.
    """
    own = f"system:serviceaccount:{detector.namespace}:ad-{detector.uid}"
    if username == f"{own}-train":
        return True
    return access is Access.READ and (username == f"{own}-serve" or is_operator(username, operator))


def is_operator(username: str, operator: str) -> bool:
    """Whether it is the operator, NAMESPACE:NAME."""
    return username == f"system:serviceaccount:{operator}"


@dataclass(frozen=True, slots=True)
class _Answer:
    username: str | None
    until: float


class Authenticator:
    """Tokens to user names; answers are kept for a while under the token's hash, never the token."""

    def __init__(self, reviewer: TokenReviewer, audience: str, clock: Clock) -> None:
        self._reviewer = reviewer
        self._audience = audience
        self._clock = clock
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._reviews = asyncio.Semaphore(_REVIEWS_AT_ONCE)

    async def username(self, token: str) -> str | None:
        """Whose the token is; None when it is nobody's, or not meant for this audience.

        Raises ReviewerUnavailable when Kubernetes has to be asked and does not answer.
        """
        if not 0 < len(token) <= MAX_TOKEN:
            return None
        key = hashlib.sha256(token.encode()).digest()
        known = self._known(key)
        if known is not None:
            return known.username
        async with self._reviews:
            known = self._known(key) or await self._ask(key, token)
        return known.username

    def _known(self, key: bytes) -> _Answer | None:
        answer = self._answers.get(key)
        return answer if answer is not None and self._clock.monotonic() < answer.until else None

    async def _ask(self, key: bytes, token: str) -> _Answer:
        asked = self._clock.monotonic()
        review = await self._reviewer.review(token, self._audience)
        accepted = review.authenticated and self._audience in review.audiences and review.username != ""
        # Counted from the question: the answer may describe the moment it was asked.
        answer = _Answer(review.username, asked + KNOWN_SECONDS) if accepted else _Answer(None, asked + UNKNOWN_SECONDS)
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        return answer
