"""Scoring requests, answered as they arrive: no task, no ASGI messages.

uvicorn's protocol starts a task for each request and takes the answer apart into messages; that costs three times what
reading and writing the bytes does, and more than scoring a row. This protocol collects the body of a POST on a scoring
path and answers at once, or when a thread has scored its rows. Everything else reaches the same application through
ASGI: other paths and methods, bodies that are chunked or too large, HTTP/1.0, clients that do not read or have no key.
"""

import asyncio
from collections.abc import Iterable
from time import perf_counter
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pynomaly_inference.server.access.caller import ANYONE
from pynomaly_inference.server.bounded import BoundedProtocol
from pynomaly_inference.server.front import Front
from pynomaly_inference.server.http import API_HEADERS, Head, Reply, failure
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.routes import Route
from pynomaly_inference.server.scorer import Deferred

_POST = b"POST"
_NOT_HERE = frozenset({b"transfer-encoding", b"expect", b"upgrade"})


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_ALWAYS = b"\r\n" + _lines(API_HEADERS)


class ScoringProtocol(BoundedProtocol):
    """One connection to a server whose application is a `Front`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        front = config.loaded_app
        if not isinstance(front, Front):
            raise TypeError("this protocol serves a Front, without middleware around it")
        self._front = front
        self._route: Route | None = None
        """The route of the request that is being read here; None while uvicorn reads it."""
        self._head = Head({}, b"", ANYONE)
        self._body: list[bytes] = []
        self._start = self._since = 0.0
        self._last = False
        self._dated_headers: list[tuple[bytes, bytes]] = []
        self._dated_lines = b""

    def on_message_begin(self) -> None:
        """A request begins; uvicorn's scope is built only if uvicorn gets it."""
        super().on_message_begin()
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is there: it decides who reads the body."""
        super().on_headers_complete()
        self._route = self._scoring_route()
        if self._route is None:
            self._hand_over()
        else:
            self._start = perf_counter()
            self._since = self.loop.time()
            self._body = []

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._route is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        route = self._route
        if route is None:
            super().on_message_complete()
            return
        self._route = None
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        reply = self._front.answer_now(route, self._head, body)
        if isinstance(reply, Deferred):
            self._defer(route, reply)
        else:
            self._write(reply, keeps_alive=not self._last and bool(self.parser.should_keep_alive()))
            self._front.answered(route, reply.status, self._start)

    def refuse(self, rejected: Rejected) -> None:
        """Answers the request that is being read, and closes."""
        route, self._route = self._route, None
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()  # another answer is on its way, within which no other can be written
            return
        self._write(failure("" if route is None else route.path, rejected), keeps_alive=False)
        if route is not None:
            self._front.answered(route, rejected.status, self._start)

    def reading_since(self) -> float | None:
        """When the head of the request was there whose body is being read here."""
        return None if self._route is None else self._since

    def shutdown(self) -> None:
        """The server stops: a request that is being read is answered first."""
        if self._route is None:
            super().shutdown()
        else:
            self._last = True

    def _scoring_route(self) -> Route | None:
        """Where this request leads; None when it is not one for here."""
        path, _, query = self.url.partition(b"?")
        route = self._front.route(path.decode("latin-1"))
        if route is None or self.parser.get_method() != _POST or self.parser.get_http_version() != "1.1":
            return None
        if self.flow.write_paused or (self.cycle is not None and not self.cycle.response_complete):
            return None  # the client does not read, or an earlier request of this connection is being answered
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or not headers.keys().isdisjoint(_NOT_HERE):
            return None
        most = self._front.most_bytes
        if (most is not None and int(length) > most) or not self._front.exposure.is_plain(headers):
            return None
        caller = self._front.admission.scorer(headers, self.client[0] if self.client else "")
        if caller is None:
            return None
        self._head = Head(headers, query, caller)
        return route

    def _hand_over(self) -> None:
        url, headers = self.url, self.headers
        HttpToolsProtocol.on_message_begin(self)
        self.url = url
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        self.headers = self.scope["headers"] = headers
        HttpToolsProtocol.on_headers_complete(self)

    def _defer(self, route: Route, deferred: Deferred) -> None:
        """Answers once a thread has done the work; uvicorn queues what the client sends meanwhile."""
        waiting = _Waiting()
        self.cycle = cast("RequestResponseCycle", waiting)
        task = self.loop.create_task(self._answer_later(route, deferred, waiting, self._start))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answer_later(self, route: Route, deferred: Deferred, waiting: "_Waiting", start: float) -> None:
        keeps_alive = bool(self.parser.should_keep_alive()) and not self._last
        reply = await self._front.answer_later(route, deferred)
        self._front.answered(route, reply.status, start)
        if self.flow.write_paused and not waiting.disconnected:
            await self.flow.drain()
        waiting.response_complete = True
        if not waiting.disconnected:
            self._write(reply, keeps_alive=keeps_alive and waiting.keep_alive)

    def _write(self, reply: Reply, *, keeps_alive: bool) -> None:
        last = not keeps_alive or self._front.draining
        self.transport.write(
            b"".join(
                [
                    STATUS_LINE[reply.status],
                    self._dated(),
                    b"content-type: ",
                    reply.media,
                    _ALWAYS,
                    _lines(reply.headers) if reply.headers else b"",
                    b"connection: close\r\n" if last else b"",
                    b"content-length: %d\r\n\r\n" % len(reply.body),
                    reply.body,
                ]
            )
        )
        if last:
            self.transport.close()
        if self.pipeline:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1

    def _dated(self) -> bytes:
        """The header lines that uvicorn adds; it makes a new list of them each second."""
        headers = self.server_state.default_headers
        if headers is not self._dated_headers:
            self._dated_headers, self._dated_lines = headers, _lines(headers)
        return self._dated_lines


class _Waiting:
    """What uvicorn looks at of a request that is being answered."""

    def __init__(self) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()
