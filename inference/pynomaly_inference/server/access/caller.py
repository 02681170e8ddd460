"""Who a request comes from, and what it may ask for."""

from dataclasses import dataclass
from math import inf

from pynomaly_inference.server.rejected import Rejected

SCORE = "score"
EXPLAIN = "explain"
ADMIN = "admin"
ALL_SCOPES = frozenset({SCORE, EXPLAIN, ADMIN})
SCORING_SCOPES = frozenset({SCORE, EXPLAIN})

_FOR = {SCORE: "this path", EXPLAIN: "an answer with contributions", ADMIN: "what the server tells of itself"}


@dataclass(frozen=True, slots=True)
class Caller:
    """name: the same for each request of the one who asks. until: when the permission ends, in seconds since 1970."""

    name: str
    scopes: frozenset[str]
    until: float = inf

    def check(self, scope: str) -> None:
        """Raises Refused 403 when this caller may not do what the scope stands for."""
        if scope not in self.scopes:
            challenge = f'Bearer realm="pynomaly", error="insufficient_scope", scope="{scope}"'
            sentence = f"{_FOR[scope]} needs the scope `{scope}`: ask the token's issuer for it"
            raise Refused(403, sentence, ((b"www-authenticate", challenge.encode()),))


ANYONE = Caller("", ALL_SCOPES)
"""Whoever asks where nobody need say who he is."""


class Refused(Rejected):
    """A rejection whose answer carries headers of its own."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        super().__init__(status, detail)
        self.headers = headers
