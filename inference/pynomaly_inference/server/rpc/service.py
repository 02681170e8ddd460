"""`inference.GRPCInferenceService`: who may call, what is answered, what is counted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import TypeVar
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from pynomaly_inference.server.access.caller import ANYONE, Caller
from pynomaly_inference.server.front import CLIENT_LEFT, Front
from pynomaly_inference.server.protocols.oip import model_metadata, server_metadata
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.rpc.decoding import parse_message
from pynomaly_inference.server.rpc.infer import InferMessageCall
from pynomaly_inference.server.rpc.open_inference_pb2 import (
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveResponse,
    ServerMetadataResponse,
    ServerReadyResponse,
)
from pynomaly_inference.server.rpc.statuses import code_of
from pynomaly_inference.server.scorer import INLINE_BYTES

_log = logging.getLogger(__name__)
SERVICE = "inference.GRPCInferenceService"
_OPEN = frozenset({"ServerLive", "ServerReady"})
"""Answered without a key, as health is over HTTP."""

Context = grpc.aio.ServicerContext[bytes, bytes]
_Message = TypeVar("_Message")
Answer = Callable[[bytes, Caller], Awaitable[bytes]]
"""The serialized response to this caller's serialized request; raises Rejected."""


class InferenceService:
    """The rpcs of one server: the same models, keys, scorer and counts as over HTTP."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._state = front.state
        self._answers: dict[str, Answer] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
        }

    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC's server calls. Messages stay bytes: large ones are read beside the event loop."""
        return grpc.method_handlers_generic_handler(
            SERVICE, {name: grpc.unary_unary_rpc_method_handler(self._answering(name)) for name in self._answers}
        )

    def _answering(self, name: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
        endpoint = f"/{SERVICE}/{name}"

        async def answering(body: bytes, context: Context) -> bytes:
            start, status = perf_counter(), CLIENT_LEFT  # which it stays when the call is cancelled
            try:
                outcome = await self._outcome(name, body, context)
                status = outcome.status if isinstance(outcome, Rejected) else 200
            finally:
                self._state.metrics.answered("POST", endpoint, status, perf_counter() - start)
            if isinstance(outcome, Rejected):
                await context.abort(code_of(outcome.status), outcome.detail, _metadata(outcome.headers))
            return outcome

        return answering

    async def _outcome(self, name: str, body: bytes, context: Context) -> bytes | Rejected:
        try:
            caller = ANYONE if name in _OPEN else await self._admit(context)
            return await self._answers[name](body, caller)
        except Rejected as rejected:
            return rejected
        except Exception:  # noqa: BLE001 - no failure may go without an answer and a line in the log
            _log.exception("cannot answer %s", name)
            return Rejected(500, "the server failed; its log says why")

    async def _admit(self, context: Context) -> Caller:
        peer = unquote(context.peer()).partition(":")[2].rpartition(":")[0]  # ipv4:ADDRESS:PORT or ipv6:[ADDRESS]:PORT
        return await self._front.admission.admit(SERVICE, _headers(context), peer.strip("[]"))

    async def _live(self, _: bytes, __: Caller) -> bytes:
        return ServerLiveResponse(live=True).SerializeToString()

    async def _ready(self, _: bytes, __: Caller) -> bytes:
        return ServerReadyResponse(ready=self._state.is_ready).SerializeToString()

    async def _model_ready(self, body: bytes, _: Caller) -> bytes:
        asked = _read(ModelReadyRequest.FromString, body)
        self._state.models.named(asked.name, asked.version or None)
        return ModelReadyResponse(ready=not self._state.readiness.draining).SerializeToString()

    async def _server_metadata(self, _: bytes, __: Caller) -> bytes:
        return ServerMetadataResponse(**server_metadata()).SerializeToString()

    async def _model_metadata(self, body: bytes, _: Caller) -> bytes:
        asked = _read(ModelMetadataRequest.FromString, body)
        served = self._state.models.named(asked.name, asked.version or None)
        return ModelMetadataResponse(**model_metadata(served)).SerializeToString()

    async def _infer(self, body: bytes, caller: Caller) -> bytes:
        small = len(body) <= INLINE_BYTES
        message = parse_message(body) if small else await asyncio.to_thread(parse_message, body)
        served = self._state.models.named(message.model_name, message.model_version or None)
        reply = await self._front.score(InferMessageCall(served, message=message, caller=caller), body)
        return reply.body


def _read(read: Callable[[bytes], _Message], body: bytes) -> _Message:
    try:
        return read(body)
    except DecodeError as error:
        raise Rejected(400, "the message cannot be read") from error


def _metadata(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """What HTTP would say in these headers, such as `retry-after`."""
    return tuple((name.decode(), value.decode()) for name, value in headers)


def _headers(context: Context) -> dict[bytes, bytes]:
    """The call's metadata as a request's headers, by lower-case name."""
    pairs = context.invocation_metadata() or ()
    return {name.encode(): value.encode() if isinstance(value, str) else value for name, value in pairs}
