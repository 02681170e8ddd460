"""`/v1/stream`: NDJSON over one request, or messages over a WebSocket."""

from collections.abc import Callable
from time import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.websockets import WebSocket, WebSocketDisconnect

from pynomaly_inference.server import openapi
from pynomaly_inference.server.access.admission import Admission
from pynomaly_inference.server.http import CALLER, JSON, Head, Receive, Scope, Send, failure, head_of
from pynomaly_inference.server.protocols.answers import Asked
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.routes import ScoringRoutes
from pynomaly_inference.server.scorer import Deferred
from pynomaly_inference.server.streaming import Streams

PATH = "/v1/stream"


class Streamed(Response):
    """The answers to a stream, while it is read."""

    def __init__(self, streams: Streams, asked: Asked) -> None:
        super().__init__()
        self._streams = streams
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - Starlette's signature
        """Reads, scores and sends."""
        await self._streams.run(self._asked, receive, send)


def router(scoring: ScoringRoutes, draining: Callable[[], bool], admission: Admission) -> APIRouter:
    """FastAPI's routes of streams. draining: whether the server is about to stop."""
    router = APIRouter(tags=["Scoring"])
    streams = scoring.streams(draining)

    @router.post(PATH, summary="Score a stream of rows", openapi_extra=openapi.stream_operation())
    async def stream(request: Request) -> Response:
        return Streamed(streams, streams.open(head_of(request.scope)))

    @router.websocket(PATH)
    async def messages(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await _answer(socket, scoring, admission)
        except WebSocketDisconnect:
            return

    return router


async def _answer(socket: WebSocket, scoring: ScoringRoutes, admission: Admission) -> None:
    """Answers each message as `POST /v1/score` answers it as a body, one after the other, until the client leaves."""
    route = scoring.score(PATH)
    head = Head({b"content-type": JSON}, socket.scope["query_string"], socket.scope[CALLER])
    first = True
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if time() >= head.caller.until:
            await socket.close(WS_1008_POLICY_VIOLATION, "the token is expired")
            return
        text = message.get("text")
        body = message.get("bytes") or b"" if text is None else text.encode()
        try:
            if not first:  # which was counted as the handshake
                admission.count(head.caller)
            reply = scoring.answer_now(route, head, body)
        except Rejected as rejected:
            reply = failure(PATH, rejected)
        first = False
        if isinstance(reply, Deferred):
            reply = await scoring.answer_later(route, reply)
        await socket.send_text(reply.body.decode())
