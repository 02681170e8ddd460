"""`POST /v1/stream`: rows in, answers out, over one request of any length.

The next rows are read only when the answers to those before them are on their way: what a slow reader leaves in the
socket holds up its own writer, and no stream takes more memory than one read of the socket.
"""

import asyncio
from collections.abc import Callable

from pynomaly_inference.server.access.caller import EXPLAIN
from pynomaly_inference.server.http import Head, Message, Receive, Send
from pynomaly_inference.server.protocols.answers import NDJSON, Asked, headers_of
from pynomaly_inference.server.protocols.lines import LineSplitter, ScoredLines, problem_line, score_lines
from pynomaly_inference.server.protocols.options import model_for, options_of
from pynomaly_inference.server.rejected import ClientLeft, Rejected
from pynomaly_inference.server.scorer import INLINE_BYTES, Scorer
from pynomaly_inference.server.table import ModelTable

QUIET_SECONDS = 60.0
"""How long a client may neither send nor read before its stream ends."""
_LOOK_SECONDS = 0.5
"""How often a stream that waits for its client looks whether the server stops."""
_BATCH_ROWS = 2048
"""Rows that are scored and answered at once: a read of the socket may bring many more, and answers take more memory."""
_MEDIA = frozenset({NDJSON, b"application/ndjson", b"application/jsonl"})


class Streams:
    """Scores streams. draining: whether the server is about to stop. quiet: see `QUIET_SECONDS`."""

    def __init__(
        self, models: ModelTable, scorer: Scorer, draining: Callable[[], bool], quiet: float = QUIET_SECONDS
    ) -> None:
        self._models = models
        self._scorer = scorer
        self._draining = draining
        self._quiet = quiet

    def open(self, head: Head) -> Asked:
        """The model that answers a stream with this head, from its start to its end; raises Rejected."""
        media = head.headers.get(b"content-type", NDJSON).split(b";", 1)[0].strip().lower()
        if media not in _MEDIA:
            raise Rejected(415, f"the stream is {media.decode('latin-1')[:80]}: send {NDJSON.decode()}")
        if b"content-encoding" in head.headers:
            raise Rejected(415, "a stream is taken without Content-Encoding: send its lines as they are")
        options = options_of(head.query)
        if options.explain:
            head.caller.check(EXPLAIN)
        return Asked(model_for(options, self._models), options)

    async def run(self, asked: Asked, receive: Receive, send: Send) -> None:
        """Answers line by line until the stream ends; raises Rejected before the first answer, ClientLeft."""
        answering = _Answering(asked, send, self._quiet)
        splitter, row, more = LineSplitter(), 1, True
        while more:
            try:
                message = await self._next(receive)
                more = bool(message.get("more_body"))
                batch = splitter.feed(message.get("body", b""))
                batch += [] if more else splitter.end()
            except Rejected as rejected:
                await answering.fail(rejected, row)
                return
            for start in range(0, len(batch), _BATCH_ROWS):
                part = batch[start : start + _BATCH_ROWS]
                await answering.write((await self._score(asked, part, row)).answer)
                row += len(part)
        if row == 1:
            raise Rejected(400, "the stream is empty: send one row a line, as a list or an object")
        await answering.end()

    async def _next(self, receive: Receive) -> Message:
        """The next part of the body; raises Rejected when there will be none, ClientLeft."""
        waited = 0.0
        while not self._draining():
            try:
                message = await asyncio.wait_for(receive(), _LOOK_SECONDS)
            except TimeoutError:
                waited += _LOOK_SECONDS
                if waited >= self._quiet:
                    raise Rejected(
                        408, f"nothing came for {self._quiet:g} seconds: send rows, or end the body"
                    ) from None
                continue
            if message["type"] != "http.request":
                raise ClientLeft
            return message
        raise Rejected(503, "the server stops: send the rows that have no answer yet again")

    async def _score(self, asked: Asked, batch: list[bytes], row: int) -> ScoredLines:
        served = asked.served
        most = served.inline_rows_extra if asked.options.explain or asked.options.unify else served.inline_rows
        if len(batch) <= most and sum(map(len, batch)) <= INLINE_BYTES:
            done = score_lines(asked, batch, row)
        else:
            done = await self._scorer.on_thread(lambda: score_lines(asked, batch, row))
        if done.scored is not None:
            self._scorer.scored(served, done.scored, done.ignored)
        return done


class _Answering:
    """The response to a stream: begun with its first line."""

    def __init__(self, asked: Asked, send: Send, quiet: float) -> None:
        self._asked = asked
        self._send = send
        self._quiet = quiet
        self._begun = False

    async def write(self, content: bytes) -> None:
        """Sends lines."""
        if not self._begun:
            self._begun = True
            # The connection is not used again: a stream may end with a part of its body unread.
            headers = [(b"content-type", NDJSON), (b"connection", b"close"), *headers_of(self._asked)]
            await self._put({"type": "http.response.start", "status": 200, "headers": headers})
        await self._put({"type": "http.response.body", "body": content, "more_body": True})

    async def fail(self, rejected: Rejected, row: int) -> None:
        """Ends with a problem: as the last line, or as the answer when there was none yet."""
        if not self._begun:
            raise rejected
        await self.write(problem_line(rejected, row))
        await self.end()

    async def end(self) -> None:
        """Ends the response."""
        await self._put({"type": "http.response.body", "body": b""})

    async def _put(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._quiet):
                await self._send(message)
        except TimeoutError:
            raise ClientLeft from None
