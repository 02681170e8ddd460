"""tritonclient, unmodified: JSON and binary tensors over HTTP, and gRPC."""

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

HEADERS = {"x-api-key": "a-key-for-the-clients"}
"""The clients add to the headers that they are given: each call gets its own."""
OUTPUTS = ("score", "label", "probability")
FIELDS = {"score": "scores", "label": "labels", "probability": "probabilities", "contributions": "contributions"}


@pytest.fixture(params=["http", "grpc"])
def transport(request: pytest.FixtureRequest) -> Any:
    return {"http": tritonclient.http, "grpc": tritonclient.grpc}[request.param]


@pytest.fixture
def client(served: Any, transport: Any) -> Iterator[Any]:
    address = served.grpc if transport is tritonclient.grpc else served.http
    with transport.InferenceServerClient(address) as client:
        yield client


def tensor(transport: Any, name: str, values: Any, datatype: str, **options: bool) -> Any:
    made = transport.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, **options)
    return made


def check(result: Any, truth: dict[str, Any], outputs: tuple[str, ...] = OUTPUTS) -> None:
    for name in outputs:
        np.testing.assert_array_equal(result.as_numpy(name), np.array(truth[FIELDS[name]]), name)


def test_it_finds_the_server_and_the_model_ready(client: Any) -> None:
    assert client.is_server_live()  # the server's health needs no key
    assert client.is_server_ready()
    assert client.is_model_ready("forest", headers=dict(HEADERS))
    assert client.is_model_ready("forest", "0", headers=dict(HEADERS))


def test_it_reads_the_metadata(client: Any, transport: Any) -> None:
    server, model = (
        client.get_server_metadata(headers=dict(HEADERS)),
        client.get_model_metadata("zones", headers=dict(HEADERS)),
    )

    if transport is tritonclient.grpc:
        assert (server.name, list(server.extensions)) == ("pynomaly", ["binary_tensor_data"])
        inputs = [(each.name, each.datatype, list(each.shape)) for each in model.inputs]
    else:
        assert (server["name"], server["extensions"]) == ("pynomaly", ["binary_tensor_data"])
        inputs = [(each["name"], each["datatype"], each["shape"]) for each in model["inputs"]]
    assert inputs == [("X", "FP64", [-1, 2]), ("C", "BYTES", [-1, 1])]


def test_it_scores_by_default_as_the_servers_own_protocol_does(
    client: Any, transport: Any, served: Any, numbers: Any
) -> None:
    result = client.infer(
        "forest", [tensor(transport, "X", numbers, "FP64")], headers=dict(HEADERS), request_id="seven"
    )

    check(result, served.truth("forest", numbers.tolist()))
    answer = result.get_response()
    assert (answer.id if transport is tritonclient.grpc else answer["id"]) == "seven"


@pytest.mark.parametrize("sent_binary", [True, False])
@pytest.mark.parametrize("received_binary", [True, False])
def test_it_scores_in_json_and_binary_either_way(
    served: Any, numbers: Any, sent_binary: bool, received_binary: bool
) -> None:
    http = tritonclient.http
    wanted = [http.InferRequestedOutput(name, binary_data=received_binary) for name in ("label", "score")]
    with http.InferenceServerClient(served.http) as client:
        inputs = [tensor(http, "X", numbers, "FP64", binary_data=sent_binary)]
        result = client.infer("forest", inputs, model_version="0", outputs=wanted, headers=dict(HEADERS))

    check(result, served.truth("forest", numbers.tolist()), ("score", "label"))
    assert [output["name"] for output in result.get_response()["outputs"]] == ["label", "score"]


def test_it_gets_the_outputs_that_it_asks_for_alone(client: Any, transport: Any, served: Any, numbers: Any) -> None:
    wanted = [transport.InferRequestedOutput("contributions")]
    result = client.infer(
        "zones",
        [
            tensor(transport, "X", numbers[:, :2].copy(), "FP64"),
            tensor(transport, "C", np.array([["z1"]] * len(numbers), object), "BYTES"),
        ],
        outputs=wanted,
        headers=dict(HEADERS),
    )

    truth = served.truth("zones", [[*row, "z1"] for row in numbers[:, :2].tolist()])
    check(result, truth, ("contributions",))
    assert result.as_numpy("score") is None


def test_it_sends_categories_as_bytes(client: Any, transport: Any, served: Any, mixed: Any) -> None:
    numbers, zones = mixed
    inputs = [tensor(transport, "C", zones, "BYTES"), tensor(transport, "X", numbers, "FP64")]

    result = client.infer("zones", inputs, headers=dict(HEADERS))

    rows = [[*row, zone] for row, [zone] in zip(numbers.tolist(), zones.tolist(), strict=True)]
    check(result, served.truth("zones", rows))


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "BF16", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT64"])
def test_it_sends_any_number(client: Any, transport: Any, served: Any, datatype: str) -> None:
    whole = np.arange(12).reshape(3, 4)
    values = whole.astype(ml_dtypes.bfloat16 if datatype == "BF16" else datatype.lower().replace("fp", "float"))

    result = client.infer("forest", [tensor(transport, "X", values, datatype)], headers=dict(HEADERS))

    check(result, served.truth("forest", whole.astype(float).tolist()))


def test_its_own_parameters_disturb_nobody_and_a_threshold_labels(client: Any, transport: Any, numbers: Any) -> None:
    result = client.infer(
        "forest",
        [tensor(transport, "X", numbers, "FP64")],
        headers=dict(HEADERS),
        priority=1,
        timeout=10_000_000,
        sequence_id=3,
        sequence_start=True,
        parameters={"threshold": -10.0, "trace": "mine"},
    )

    assert result.as_numpy("label").tolist() == [1] * len(numbers)


@pytest.mark.parametrize(
    ("asked", "http_status", "grpc_status", "sentence"),
    [
        ({"model_name": "florist"}, "404", "NOT_FOUND", "no model `florist` is loaded"),
        ({"model_version": "9"}, "404", "NOT_FOUND", "model `forest` has no version `9` here"),
        ({"headers": {"x-api-key": "wrong"}}, "401", "UNAUTHENTICATED", "a valid key is needed"),
        ({"headers": None}, "401", "UNAUTHENTICATED", "a valid key is needed"),
        ({"rows": np.full((1, 4), np.nan)}, "422", "INVALID_ARGUMENT", "row 1: `a` is missing"),
        ({"rows": np.zeros((1, 3))}, "422", "INVALID_ARGUMENT", "input `X` has 3 features; the model takes 4"),
    ],
)
def test_it_understands_why_it_is_refused(
    client: Any, transport: Any, numbers: Any, asked: Any, http_status: str, grpc_status: str, sentence: str
) -> None:
    asked = {"model_name": "forest", **asked, "headers": dict(asked.get("headers", HEADERS) or {})}
    inputs = [tensor(transport, "X", asked.pop("rows", numbers), "FP64")]

    with pytest.raises(InferenceServerException) as refused:
        client.infer(inputs=inputs, **asked)

    expected = f"StatusCode.{grpc_status}" if transport is tritonclient.grpc else http_status
    assert refused.value.status() == expected
    assert refused.value.message().startswith(sentence)


def test_classification_is_refused_not_ignored(client: Any, transport: Any, numbers: Any) -> None:
    wanted = [transport.InferRequestedOutput("score", class_count=2)]

    with pytest.raises(InferenceServerException, match="no classification extension"):
        client.infer("forest", [tensor(transport, "X", numbers, "FP64")], outputs=wanted, headers=dict(HEADERS))


def test_a_message_beyond_the_limit_is_refused_also_when_it_is_compressed(served: Any) -> None:
    grpc = tritonclient.grpc
    many = tensor(grpc, "X", np.zeros((40_000, 4)), "FP64")
    with grpc.InferenceServerClient(served.grpc) as client:
        for compression in (None, "gzip", "deflate"):
            with pytest.raises(InferenceServerException) as refused:
                client.infer("forest", [many], headers=dict(HEADERS), compression_algorithm=compression)
            assert refused.value.status() == "StatusCode.RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_it_compresses_requests_over_http(served: Any, numbers: Any, compression: str) -> None:
    http = tritonclient.http
    with http.InferenceServerClient(served.http) as client:
        inputs = [tensor(http, "X", numbers, "FP64")]
        result = client.infer(
            "forest",
            inputs,
            headers=dict(HEADERS),
            request_compression_algorithm=compression,
            response_compression_algorithm=compression,
        )

    check(result, served.truth("forest", numbers.tolist()))


def test_a_compressed_message_within_the_limit_is_scored(served: Any, numbers: Any) -> None:
    grpc = tritonclient.grpc
    with grpc.InferenceServerClient(served.grpc) as client:
        inputs = [tensor(grpc, "X", numbers, "FP64")]
        result = client.infer("forest", inputs, headers=dict(HEADERS), compression_algorithm="gzip")

    check(result, served.truth("forest", numbers.tolist()))
