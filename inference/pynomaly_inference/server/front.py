"""The ASGI application: keys, metrics and headers around every request; scoring without a framework, the rest with.

FastAPI in front of the scoring routes would cost as much as the scoring of a row.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

from pynomaly_inference.server.auth import is_open
from pynomaly_inference.server.http import (
    API_HEADERS,
    Headers,
    Message,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    failure,
    security_headers,
)
from pynomaly_inference.server.metrics import OTHER
from pynomaly_inference.server.rejected import ClientLeft, Rejected
from pynomaly_inference.server.routes import Route, run
from pynomaly_inference.server.state import ServerState

_log = logging.getLogger(__name__)
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
_CLOSE = (b"connection", b"close")
CLIENT_LEFT = 499
"""The status that metrics carry for a request whose client did not wait; nginx's number for it."""


class Front:
    """Answers POST on the exact scoring paths itself, and hands every other request to `rest`."""

    def __init__(self, routes: Mapping[str, Route], rest: Asgi, state: ServerState) -> None:
        self._routes = routes
        self._rest = rest
        self._keys = state.keys
        self._metrics = state.metrics
        self._readiness = state.readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection event, as ASGI 3 has it."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            raise NotImplementedError(f"no {scope['type']} here")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        path, method = scope["path"], scope["method"]
        headers = dict(scope["headers"])
        route = self._routes.get(path) if method == "POST" else None
        try:
            if not self._keys.accept(headers) and (route is not None or not is_open(path)):
                endpoint = OTHER if route is None else route.endpoint
                status = await self._send(_unauthorized(path), send)
            elif route is None:
                status = await self._framework(scope, receive, send)
                endpoint = _template(scope)
            else:
                endpoint = route.endpoint
                request = Request(headers, scope["query_string"], receive)
                status = await self._send(await run(route.handler, request, path), send)
        except ClientLeft:
            status = CLIENT_LEFT
        self._metrics.answered(method, endpoint, status, perf_counter() - start)

    async def _send(self, reply: Reply, send: Send) -> int:
        await reply.send(send, [*API_HEADERS, _CLOSE] if self._readiness.draining else API_HEADERS)
        return reply.status

    async def _framework(self, scope: Scope, receive: Receive, send: Send) -> int:
        extra: Headers = security_headers(scope["path"])
        if self._readiness.draining:
            extra = [*extra, _CLOSE]
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        try:
            await self._rest(scope, receive, observed)
        except ClientLeft:
            raise
        except Exception:  # noqa: BLE001 - no failure may go without an answer and a line in the log
            # Starlette answers 500 and raises on, for the server to log.
            _log.exception("cannot answer %s", scope["path"])
        return status

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        watch = asyncio.create_task(self._keys.watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await send({"type": "lifespan.shutdown.complete"})


def _unauthorized(path: str) -> Reply:
    return failure(path, Rejected(401, "a valid key is needed, in X-API-Key or as Authorization: Bearer KEY"))


def _template(scope: Scope) -> str:
    template: str = getattr(scope.get("route"), "path", OTHER)
    return template
