"""The ASGI application: keys, metrics and headers around every request; scoring without a framework, the rest with.

FastAPI in front of the scoring routes would cost as much as the scoring of a row.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from time import perf_counter
from typing import Any

from starlette.middleware.gzip import GZipMiddleware

from pynomaly_inference.server.access.admission import Admission
from pynomaly_inference.server.auth import is_open
from pynomaly_inference.server.compression import LEAST_BYTES
from pynomaly_inference.server.exposure import Exposure, cross_origin, not_this_host
from pynomaly_inference.server.http import (
    API_HEADERS,
    CALLER,
    Asgi,
    Head,
    Headers,
    Message,
    Receive,
    Reply,
    Scope,
    Send,
    failure,
    head_of,
    peer_of,
    security_headers,
)
from pynomaly_inference.server.metrics import OTHER
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import ClientLeft, Rejected
from pynomaly_inference.server.routes import Route, ScoringRoutes
from pynomaly_inference.server.scorer import Deferred
from pynomaly_inference.server.state import ServerState
from pynomaly_inference.server.table import ServedModel
from pynomaly_inference.server.websocket import FOREIGN_ORIGIN, is_own_origin, refuse_handshake

_log = logging.getLogger(__name__)
_CLOSE = (b"connection", b"close")
CLIENT_LEFT = 499
"""The status that metrics carry for a request whose client did not wait; nginx's number for it."""


Background = Callable[[], Coroutine[Any, Any, None]]
"""Runs beside the requests until it is cancelled."""


class Front:
    """Answers POST on the exact scoring paths itself, and hands every other request to `rest`."""

    def __init__(self, scoring: ScoringRoutes, rest: Asgi, state: ServerState) -> None:
        self._scoring = scoring
        self._routes = scoring.by_path()
        self._rest = rest
        self._pages = GZipMiddleware(rest, LEAST_BYTES)
        self._state = state
        origins = state.exposure.origins
        self._entrance: Asgi = cross_origin(self._http, origins) if origins else self._http
        self._beside: list[Background] = [state.admission.gate.keys.watch]
        if state.admission.gate.tokens is not None:
            self._beside.append(state.admission.gate.tokens.keys.watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection event, as ASGI 3 has it."""
        if scope["type"] == "http":
            await self._entrance(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            raise NotImplementedError(f"no {scope['type']} here")

    @property
    def state(self) -> ServerState:
        """The models, and how the server is doing."""
        return self._state

    def run_beside(self, background: Background) -> None:
        """Has this run from the server's start to its end; to be said before the start."""
        self._beside.append(background)

    def install(self, served: ServedModel) -> None:
        """Serves this model in place of the one of the same name, from the next request on."""
        self._state.models.put(served)
        self._state.metrics.follow(served)
        self._routes = self._scoring.by_path()

    @property
    def draining(self) -> bool:
        """Whether connections should be closed once they are answered."""
        return self._state.readiness.draining

    @property
    def most_bytes(self) -> int | None:
        """The largest body, None for no limit."""
        return self._scoring.most_bytes

    def route(self, path: str) -> Route | None:
        """The scoring route of POST on this exact path."""
        return self._routes.get(path)

    @property
    def exposure(self) -> Exposure:
        """Which hosts are answered as, and which origins."""
        return self._state.exposure

    @property
    def admission(self) -> Admission:
        """Who is let in."""
        return self._state.admission

    def answer_now(self, route: Route, head: Head, body: bytes) -> Reply | Deferred:
        """The reply to a whole scoring request that is accepted, or what is left to do for it."""
        reply = self._scoring.answer_now(route, head, body)
        return reply if isinstance(reply, Deferred) else self.admission.told(reply, head.caller)

    async def answer_later(self, route: Route, deferred: Deferred) -> Reply:
        """The reply to a request that was put off, once a thread has done the work."""
        return self.admission.told(await self._scoring.answer_later(route, deferred), deferred.call.caller)

    async def score(self, call: Call, body: bytes) -> Reply:
        """The reply to a call of another transport than HTTP, already accepted; raises Rejected."""
        return await self._scoring.run(call, body)

    def answered(self, route: Route, status: int, start: float) -> None:
        """Counts a scoring request that came in at `start` by `perf_counter`."""
        self._state.metrics.answered("POST", route.endpoint, status, perf_counter() - start)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        path, method = scope["path"], scope["method"]
        headers = dict(scope["headers"])
        route = self._routes.get(path) if method == "POST" else None
        endpoint = OTHER if route is None else route.endpoint
        try:
            self._check_host(headers)
            if route is not None or not is_open(path):
                scope[CALLER] = await self.admission.admit(path, headers, peer_of(scope))
            if route is None:
                status = await self._framework(scope, receive, send)
                endpoint = _template(scope)
            else:
                head = head_of(scope)
                reply = await self._scoring.answer(route, head, receive)
                status = await self._send(self.admission.told(reply, head.caller), send)
        except Rejected as rejected:
            status = await self._send(failure(path, rejected), send)
        except ClientLeft:
            status = CLIENT_LEFT
        self._state.metrics.answered(method, endpoint, status, perf_counter() - start)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            self._check_host(headers)
            scope[CALLER] = await self.admission.admit(scope["path"], headers, peer_of(scope))
        except Rejected as rejected:
            await refuse_handshake(send, failure(scope["path"], rejected))
            return
        if is_own_origin(headers) or self.exposure.is_allowed_origin(headers):
            await self._rest(scope, receive, send)
        else:
            await refuse_handshake(send, failure(scope["path"], FOREIGN_ORIGIN))

    def _check_host(self, headers: Mapping[bytes, bytes]) -> None:
        if not self.exposure.is_host(headers):
            raise not_this_host()

    async def _send(self, reply: Reply, send: Send) -> int:
        await reply.send(send, [*API_HEADERS, _CLOSE] if self.draining else API_HEADERS)
        return reply.status

    async def _framework(self, scope: Scope, receive: Receive, send: Send) -> int:
        extra: Headers = security_headers(scope["path"])
        if self.draining:
            extra = [*extra, _CLOSE]
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            # A stream's answers must not wait for enough to compress.
            await (self._pages if scope["method"] == "GET" else self._rest)(scope, receive, observed)
        except ClientLeft:
            raise
        except Exception:  # noqa: BLE001 - Starlette has answered 500, and raises on for the server to log
            _log.exception("cannot answer %s", scope["path"])
        return status

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        tasks = [asyncio.create_task(background()) for background in self._beside]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})


def _template(scope: Scope) -> str:
    template: str = getattr(scope.get("route"), "path", OTHER)
    return template
