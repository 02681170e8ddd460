"""What one connection may take: heads of bounded size and time, no silence without end, no answer that nobody reads."""

import asyncio
from abc import abstractmethod

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pynomaly_inference.server.rejected import Rejected

HEAD_BYTES = 64 * 1024
"""Of a head that does not end; one read of the socket, 256 KiB at most, comes on top."""
HEAD_LINES = 100
_LOOK_SECONDS = 5.0


class BoundedProtocol(HttpToolsProtocol):
    """Looks at its connection every few seconds: a timer for each request would cost more than reading it.

    seconds: how long a request may take to arrive, and an answer to be read, without an end.
    """

    seconds = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there."""
        super().connection_made(transport)
        self._heard_at = self.loop.time()
        self._head_since: float | None = None
        self._head_bytes = 0
        self._unsent, self._unsent_since = 0, self._heard_at
        self._every = min(_LOOK_SECONDS, self.timeout_keep_alive, self.seconds)
        self._look = self.loop.call_later(self._every, self._look_again)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._heard_at = self.loop.time()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is not None and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.refuse(_too_large())

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_since = self._heard_at
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head is there; raises, which ends the parsing, when it has too many lines."""
        self._head_since = None
        if len(self.headers) > HEAD_LINES:
            raise _too_large()

    def send_400_response(self, msg: str) -> None:
        """Answers what cannot be parsed."""
        if len(self.headers or ()) > HEAD_LINES:
            self.refuse(_too_large())
        else:
            super().send_400_response(msg)

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection is a WebSocket, with a keep-alive of its own."""
        self._look.cancel()
        super().handle_websocket_upgrade()

    @abstractmethod
    def refuse(self, rejected: Rejected) -> None:
        """Answers the request that is being read, and closes."""

    @abstractmethod
    def reading_since(self) -> float | None:
        """When the request began whose body is being read here; None when there is none."""

    def _look_again(self) -> None:
        now = self.loop.time()
        if self._is_stuck(now):
            self.transport.abort()
        elif self.transport.is_closing():
            pass  # which waits until the client has read what was written
        elif self._is_late(now):
            self.refuse(Rejected(408, f"the request took longer than {self.seconds:g} s to arrive: send it at once"))
        elif not self._is_busy() and now - self._heard_at >= self.timeout_keep_alive:
            self.transport.close()
        self._look = self.loop.call_later(self._every, self._look_again)

    def _is_stuck(self, now: float) -> bool:
        """Whether the client has read nothing for long of what waits for it."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        return unsent > 0 and now - self._unsent_since >= self.seconds

    def _is_late(self, now: float) -> bool:
        since = self._head_since if self._head_since is not None else self.reading_since()
        return since is not None and now - since >= self.seconds

    def _is_busy(self) -> bool:
        return self.reading_since() is not None or (self.cycle is not None and not self.cycle.response_complete)


def _too_large() -> Rejected:
    return Rejected(
        431, f"the head is larger than {HEAD_BYTES // 1024} KiB or has more than {HEAD_LINES} lines: send less"
    )
