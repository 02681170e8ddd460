"""Whether a request is taken up: who asks, for what, and how often."""

from collections.abc import Mapping

from pynomaly_inference.server.access.caller import ALL_SCOPES, ANYONE, SCORE, Caller
from pynomaly_inference.server.access.client_address import Network, client_address
from pynomaly_inference.server.access.gate import Gate, scope_of
from pynomaly_inference.server.access.rate_limit import RateLimiter
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.rejected import Rejected

UNAUTHORIZED = 401


class Admission:
    """gate: tells who asks. limiter: None for no limit. proxies: whose `X-Forwarded-For` is believed.

    Callers are limited by name; those who need none, and attempts that fail, by their address. `peer` is always the
    other end's address, as the socket has it.
    """

    def __init__(self, gate: Gate, limiter: RateLimiter | None, proxies: tuple[Network, ...] = ()) -> None:
        self.gate = gate
        self._limiter = limiter
        self._proxies = proxies

    def scorer(self, headers: Mapping[bytes, bytes], peer: str) -> Caller | None:
        """Who asks for scores, and may, now: then the request is counted. None for `admit` to decide."""
        caller = self._known(headers, peer)
        if caller is None or SCORE not in caller.scopes:
            return None
        if self._limiter is not None and not self._limiter.take(caller.name):
            return None
        return caller

    async def admit(self, path: str, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        """Who asks for what is at the path, and may; raises Rejected 401, 403, 429 or 503. Counts the request."""
        caller = self._known(headers, peer) or await self._identify(headers, peer)
        self.count(caller)
        caller.check(scope_of(path))
        return caller

    def count(self, caller: Caller) -> None:
        """Counts a request of a caller who is known; raises Refused 429 when there have been too many."""
        if self._limiter is not None and not self._limiter.take(caller.name):
            raise self._limiter.refusal(caller.name)

    def told(self, reply: Reply, caller: Caller) -> Reply:
        """The reply, which tells the caller of the limit where there is one."""
        if self._limiter is None:
            return reply
        return reply._replace(headers=(*reply.headers, *self._limiter.headers(caller.name)))

    def _known(self, headers: Mapping[bytes, bytes], peer: str) -> Caller | None:
        caller = self.gate.known(headers)
        if caller is ANYONE and self._limiter is not None:
            return Caller(f"address:{client_address(peer, headers, self._proxies)}", ALL_SCOPES)
        return caller

    async def _identify(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        if self._limiter is None:
            return await self.gate.identify(headers)
        name = f"failed:{client_address(peer, headers, self._proxies)}"
        self._limiter.check(name)
        try:
            return await self.gate.identify(headers)
        except Rejected as rejected:
            if rejected.status == UNAUTHORIZED:
                self._limiter.take(name)
            raise
