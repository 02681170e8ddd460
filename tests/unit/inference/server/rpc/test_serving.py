"""gRPC's server in this process: it stops when the calls that it has are answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from pynomaly_inference.server.app import create_app
from pynomaly_inference.server.front import CLIENT_LEFT, Front
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rpc.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from pynomaly_inference.server.rpc.serving import RpcServer
from pynomaly_inference.server.serve import reserve
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable

ROWS = 400_000
INFER = "/inference.GRPCInferenceService/ModelInfer"


class Arrivals:
    """A server's application, and when a call has arrived at it."""

    def __init__(self, models: ModelTable, patch: pytest.MonkeyPatch) -> None:
        self.registry = CollectorRegistry()
        self.front = create_app(models, ServerSettings(), registry=self.registry)
        self.arrived = asyncio.Event()
        self._score = self.front.score
        patch.setattr(self.front, "score", self._tell)

    async def _tell(self, call: Call, body: bytes) -> Reply:
        self.arrived.set()
        return await self._score(call, body)

    def counted(self, status: int) -> float:
        """How many calls of `ModelInfer` were counted with this status."""
        labels = {"method": "POST", "endpoint": INFER, "status_code": str(status)}
        return self.registry.get_sample_value("pynomaly_requests_total", labels) or 0.0


def request() -> ModelInferRequest:
    values = np.ones((ROWS, 2))
    tensor = ModelInferRequest.InferInputTensor(name="X", datatype="FP64", shape=values.shape)
    label = ModelInferRequest.InferRequestedOutputTensor(name="label")
    return ModelInferRequest(
        model_name="plant", inputs=[tensor], outputs=[label], raw_input_contents=[values.tobytes()]
    )


Infer = grpc.aio.UnaryUnaryMultiCallable[ModelInferRequest, ModelInferResponse]


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[tuple[RpcServer, Infer]]:
    """A server, and its `ModelInfer`."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_retries", 0)]
    with reserve("127.0.0.1", 0) as reserved:
        server = RpcServer(front, reserved)
        await server.start()
        async with grpc.aio.insecure_channel(server.address, options=options) as channel:
            yield server, channel.unary_unary(INFER, ModelInferRequest.SerializeToString, ModelInferResponse.FromString)
        await server.stop(0)


async def stopped_while_scoring(arrivals: Arrivals) -> tuple[ModelInferResponse, grpc.StatusCode]:
    """The answer to a call that was under way when the server stopped, and the status of one that came afterwards."""
    async with serving(arrivals.front) as (server, infer):
        under_way = asyncio.ensure_future(infer(request(), timeout=30))
        await asyncio.wait_for(arrivals.arrived.wait(), 30)
        await server.stop(30)
        answer = await under_way
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await infer(request(), timeout=5)
        return answer, refused.value.code()


async def cancelled_while_scoring(arrivals: Arrivals) -> float:
    """How many calls are counted as left by their client, once there is one."""
    async with serving(arrivals.front) as (_, infer):
        call = infer(request(), timeout=30)
        await asyncio.wait_for(arrivals.arrived.wait(), 30)
        call.cancel()
        async with asyncio.timeout(30):
            while not arrivals.counted(CLIENT_LEFT):  # noqa: ASYNC110 - a count tells nobody when it changes
                await asyncio.sleep(0.01)
    return arrivals.counted(CLIENT_LEFT)


def test_a_call_under_way_when_the_server_stops_is_answered_and_a_later_one_is_not(
    table: Any, variant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, later = asyncio.run(stopped_while_scoring(Arrivals(table(variant()), monkeypatch)))

    assert np.frombuffer(answer.raw_output_contents[0], "<i8").tolist() == [0] * ROWS
    assert later is grpc.StatusCode.UNAVAILABLE


async def infer_of_nothing(arrivals: Arrivals) -> grpc.aio.AioRpcError:
    async with serving(arrivals.front) as (_, infer):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await infer(ModelInferRequest(model_name="plant"), timeout=20)
    return refused.value


def test_a_server_that_still_fetches_its_model_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = asyncio.run(infer_of_nothing(Arrivals(ModelTable(()), monkeypatch)))

    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.details() == "no model is loaded yet: try again soon"


def test_a_call_whose_client_left_is_counted_as_such(table: Any, variant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = Arrivals(table(variant()), monkeypatch)

    assert asyncio.run(cancelled_while_scoring(arrivals)) == 1
    assert arrivals.counted(200) == 0
