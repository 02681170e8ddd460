"""KServe's own clients, unmodified: v1 and v2 over REST, and gRPC."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

HEADERS = {"x-api-key": "a-key-for-the-clients"}
"""The clients add to the headers that they are given: each call gets its own."""
METADATA = (("authorization", "Bearer a-key-for-the-clients"),)


def rest(protocol: str, ask: Callable[[InferenceRESTClient], Awaitable[Any]]) -> Any:
    async def asked() -> Any:
        async with InferenceRESTClient(RESTConfig(protocol=protocol)) as client:
            return await ask(client)

    return asyncio.run(asked())


def rpc(served: Any, ask: Callable[[InferenceGRPCClient], Awaitable[Any]]) -> Any:
    async def asked() -> Any:
        async with InferenceGRPCClient(served.grpc) as client:
            return await ask(client)

    return asyncio.run(asked())


def request(values: Any, model: str = "forest", *, binary: bool = False, **options: Any) -> InferRequest:
    tensor = InferInput("X", list(values.shape), "FP64")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return InferRequest(model, [tensor], **options)


def check(answer: Any, truth: dict[str, Any]) -> None:
    for name, field in (("score", "scores"), ("label", "labels"), ("probability", "probabilities")):
        np.testing.assert_array_equal(answer.get_output_by_name(name).as_numpy(), np.array(truth[field]), name)


def test_v1_finds_the_server_alive_and_the_model_ready(served: Any) -> None:
    base = f"http://{served.http}"
    assert rest("v1", lambda client: client.is_server_live(base)) is True
    assert rest("v1", lambda client: client.is_model_ready(base, "forest", headers=dict(HEADERS))) is True


def test_v1_predicts(served: Any, numbers: Any) -> None:
    asked = {"instances": numbers.tolist()}
    answer = rest("v1", lambda client: client.infer(f"http://{served.http}", asked, "forest", headers=dict(HEADERS)))

    truth = served.truth("forest", numbers.tolist())
    assert [each["score"] for each in answer["predictions"]] == truth["scores"]
    assert [each["label"] for each in answer["predictions"]] == truth["labels"]


def test_v1_explains(served: Any, mixed: Any) -> None:
    numbers, zones = mixed
    rows = [[*row, zone] for row, [zone] in zip(numbers.tolist(), zones.tolist(), strict=True)]
    asked = {"instances": rows}
    answer = rest("v1", lambda client: client.explain(f"http://{served.http}", "zones", asked, headers=dict(HEADERS)))

    truth = served.truth("zones", rows)
    assert [list(each.values()) for each in answer["explanations"]] == truth["contributions"]
    assert [list(each) for each in answer["explanations"]] == [["a", "b", "zone"]] * len(rows)
    assert [each["score"] for each in answer["predictions"]] == truth["scores"]


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_a_refusal_carries_the_servers_sentence(served: Any, numbers: Any, protocol: str) -> None:
    asked: Any = {"instances": [[1, 2]]} if protocol == "v1" else request(numbers[:, :2].copy())

    with pytest.raises(httpx.HTTPStatusError, match=r"features|values.*'422") as refused:
        rest(protocol, lambda client: client.infer(f"http://{served.http}", asked, "forest", headers=dict(HEADERS)))

    assert refused.value.response.json().keys() == {"error"}


def test_v2_finds_the_server_and_the_model_ready(served: Any) -> None:
    base = f"http://{served.http}"
    assert rest("v2", lambda client: client.is_server_live(base)) is True
    assert rest("v2", lambda client: client.is_server_ready(base)) is True
    assert rest("v2", lambda client: client.is_model_ready(base, "forest", headers=dict(HEADERS))) is True
    assert rest("v2", lambda client: client.is_model_ready(base, "florist", headers=dict(HEADERS))) is False


@pytest.mark.parametrize("binary", [False, True])
def test_v2_scores_in_json_and_binary(served: Any, numbers: Any, binary: bool) -> None:
    asked = request(numbers, binary=binary, request_id="42", parameters={"binary_data_output": binary})
    answer = rest("v2", lambda client: client.infer(f"http://{served.http}", asked, "forest", headers=dict(HEADERS)))

    assert answer.id == "42"
    check(answer, served.truth("forest", numbers.tolist()))


def test_v2_gets_the_outputs_that_it_asks_for_alone(served: Any, numbers: Any) -> None:
    asked = request(numbers, request_outputs=[RequestedOutput("label", {"binary_data": True})])
    answer = rest("v2", lambda client: client.infer(f"http://{served.http}", asked, "forest", headers=dict(HEADERS)))

    assert [output.name for output in answer.outputs] == ["label"]
    assert answer.outputs[0].as_numpy().tolist() == served.truth("forest", numbers.tolist())["labels"]


@pytest.mark.parametrize("binary", [False, True])
def test_grpc_scores_typed_lists_and_raw_tensors_alike(served: Any, numbers: Any, binary: bool) -> None:
    answer = rpc(served, lambda client: client.infer(request(numbers, binary=binary, request_id="9"), headers=METADATA))

    assert answer.id == "9"
    check(answer, served.truth("forest", numbers.tolist()))


def test_grpc_sends_categories_as_a_typed_list(served: Any, mixed: Any) -> None:
    numbers, zones = mixed
    inputs = [
        InferInput("X", list(numbers.shape), "FP64", numbers.ravel().tolist()),
        InferInput("C", list(zones.shape), "BYTES", zones.ravel().tolist()),
    ]
    answer = rpc(served, lambda client: client.infer(InferRequest("zones", inputs), headers=METADATA))

    rows = [[*row, zone] for row, [zone] in zip(numbers.tolist(), zones.tolist(), strict=True)]
    check(answer, served.truth("zones", rows))


def test_grpc_finds_the_server_and_the_model_ready(served: Any) -> None:
    assert rpc(served, lambda client: client.is_server_live()) is True
    assert rpc(served, lambda client: client.is_server_ready()) is True
    assert rpc(served, lambda client: client.is_model_ready("forest", headers=METADATA)) is True
    with pytest.raises(grpc.RpcError) as refused:
        rpc(served, lambda client: client.is_model_ready("florist", headers=METADATA))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
