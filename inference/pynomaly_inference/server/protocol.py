"""Small scoring requests, answered as they arrive: no task, no ASGI messages.

uvicorn's protocol starts a task for each request and takes the answer apart into messages; that costs three times what
reading and writing the bytes does, and more than scoring a row. This protocol answers a whole POST on a scoring path
at once, and leaves everything else to uvicorn and to the same application through ASGI: other paths and methods,
chunked, large or unannounced bodies, HTTP/1.0, clients that do not read, rows whose scoring takes a thread.
"""

import asyncio
from time import perf_counter
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from pynomaly_inference.server.front import Front
from pynomaly_inference.server.http import API_HEADERS, Head, Reply
from pynomaly_inference.server.routes import Route

WHOLE_BYTES = 64 * 1024
"""Longer bodies come in several reads, and take longer to score than ASGI costs."""
_POST = b"POST"


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_ALWAYS = _lines(API_HEADERS)


class ScoringProtocol(HttpToolsProtocol):
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
        self._body: list[bytes] = []
        self._query = b""
        self._start = 0.0
        self._last = False

    def on_message_begin(self) -> None:
        """A request begins; uvicorn's scope is built only if uvicorn gets it."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """The head is there: it decides who reads the body."""
        self._route = self._whole_request()
        if self._route is None:
            self._hand_over()
        else:
            self._start = perf_counter()
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
        reply = self._front.answer_now(route, Head(dict(self.headers), self._query), body, self._start)
        if reply is not None:
            self._write(reply)
            return
        self._hand_over()
        if body:
            super().on_body(body)
        super().on_message_complete()

    def shutdown(self) -> None:
        """The server stops: a request that is being read is answered first."""
        if self._route is None:
            super().shutdown()
        else:
            self._last = True

    def _whole_request(self) -> Route | None:
        if self.parser.get_method() != _POST or self.parser.get_http_version() != "1.1":
            return None
        if self.expect_100_continue or self.flow.write_paused or self.parser.should_upgrade():
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None  # an earlier request of this connection is still being answered
        path, _, self._query = self.url.partition(b"?")
        route = self._front.route(path.decode("latin-1"))
        return route if route is not None and _is_short(self.headers) else None

    def _hand_over(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers = self.scope["headers"] = headers
        super().on_headers_complete()

    def _write(self, reply: Reply) -> None:
        last = self._last or self._front.draining or not self.parser.should_keep_alive()
        self.transport.write(
            b"%b%b%b%bcontent-length: %d\r\n%b\r\n%b"
            % (
                STATUS_LINE[reply.status],
                _lines(self.server_state.default_headers),
                _lines(reply.headers),
                _ALWAYS,
                len(reply.body),
                b"connection: close\r\n" if last else b"",
                reply.body,
            )
        )
        self.server_state.total_requests += 1
        if last:
            self.transport.close()
            return
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


def _is_short(headers: list[tuple[bytes, bytes]]) -> bool:
    length = None
    for name, value in headers:
        if name == b"content-length":
            length = value
        elif name == b"transfer-encoding":
            return False
    return length is not None and length.isdigit() and int(length) <= WHOLE_BYTES
