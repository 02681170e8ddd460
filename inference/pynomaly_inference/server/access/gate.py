"""Tells who asks by a key or a token."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pynomaly_inference.server.access.caller import ADMIN, ANYONE, SCORE, Caller
from pynomaly_inference.server.auth import Keys, bearer_of
from pynomaly_inference.server.rejected import Rejected

if TYPE_CHECKING:
    from pynomaly_inference.server.access.tokens import Tokens

METRICS = "/metrics"


def scope_of(path: str) -> str:
    """The scope that a path needs beside a valid key or token: its answers are about models, or about the server."""
    return ADMIN if path == METRICS else SCORE


class Gate:
    """Lets callers in. tokens: None where there is no issuer."""

    def __init__(self, keys: Keys, tokens: "Tokens | None") -> None:
        self.keys = keys
        self.tokens = tokens
        self._open = not keys.required and tokens is None

    def known(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Who asks, where that can be told at once; None for `identify` to tell."""
        if self._open:
            return ANYONE
        caller = self.keys.find(headers)
        if caller is None and self.tokens is not None:
            token = bearer_of(headers)
            return None if token is None else self.tokens.known(token)
        return caller

    async def identify(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Who asks; raises Rejected 401 where nobody can tell, 503 where that is not the caller's fault."""
        caller = self.known(headers)
        if caller is not None:
            return caller
        token = None if self.tokens is None or b"x-api-key" in headers else bearer_of(headers)
        if self.tokens is None or token is None or (self.keys.required and token.count(b".") != _DOTS):
            raise self._unauthorized()
        return await self.tokens.identify(token)

    def health(self) -> dict[str, str]:
        """How each way in is doing: `ok`, `stale` while its keys cannot be read anew, or `open` for anyone."""
        if self._open:
            return {"keys": "open"}
        found = {"keys": "stale" if self.keys.stale else "ok"} if self.keys.required else {}
        if self.tokens is not None:
            found["tokens"] = "stale" if self.tokens.keys.stale else "ok"
        return found

    def _unauthorized(self) -> Rejected:
        if self.tokens is None:
            return Rejected(401, "a valid key is needed, in X-API-Key or as Authorization: Bearer KEY")
        token = f"a token of {self.tokens.trust.issuer} is needed, as Authorization: Bearer TOKEN"
        return Rejected(401, f"{token}, or a valid key, in X-API-Key" if self.keys.required else token)


_DOTS = 2
"""In a JSON Web Token; what is shaped otherwise was meant to be a key."""
