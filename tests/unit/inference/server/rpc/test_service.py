"""The Open Inference Protocol over gRPC, on a server that is a process."""

import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.unit.inference.server.access_issuer import AUDIENCE, NAME, RSA, key_set, public, token

from pynomaly_inference.errors import AddressUnavailable
from pynomaly_inference.server.rpc import open_inference_pb2 as messages
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import JwtSettings, ServerSettings

KEY = "a-long-random-key"


def tensor(*rows: list[float]) -> messages.ModelInferRequest.InferInputTensor:
    values = np.array(rows, np.float64)
    contents = messages.InferTensorContents(fp64_contents=values.ravel().tolist())
    return messages.ModelInferRequest.InferInputTensor(name="X", datatype="FP64", shape=values.shape, contents=contents)


def infer(*rows: list[float], outputs: tuple[str, ...] = (), **more: Any) -> messages.ModelInferRequest:
    wanted = [messages.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
    return messages.ModelInferRequest(**{"model_name": "plant", "inputs": [tensor(*rows)], "outputs": wanted, **more})


def raw(values: Any, datatype: str = "FP64", **more: Any) -> messages.ModelInferRequest:
    described = messages.ModelInferRequest.InferInputTensor(name="X", datatype=datatype, shape=values.shape)
    return messages.ModelInferRequest(
        **{"model_name": "plant", "inputs": [described], "raw_input_contents": [values.tobytes()], **more}
    )


def values_of(response: messages.ModelInferResponse) -> dict[str, list[float]]:
    """The outputs, wherever they are."""
    if response.raw_output_contents:
        layouts = {"FP64": "<f8", "INT64": "<i8"}
        pairs = zip(response.outputs, response.raw_output_contents, strict=True)
        return {output.name: np.frombuffer(data, layouts[output.datatype]).tolist() for output, data in pairs}
    return {
        output.name: list(output.contents.int64_contents or output.contents.fp64_contents)
        for output in response.outputs
    }


def test_typed_tensors_come_back_typed_with_the_id(rpc: Any) -> None:
    response = rpc.call("ModelInfer", infer([1, 2], [3, 4], id="seven"))

    assert (response.model_name, response.model_version, response.id) == ("plant", "0", "seven")
    assert values_of(response) == {"score": [2.0, 12.0], "label": [0, 1], "probability": [0.2, 1.0]}
    assert [list(output.shape) for output in response.outputs] == [[2], [2], [2]]
    assert len(response.raw_output_contents) == 0


def test_raw_tensors_come_back_raw(rpc: Any) -> None:
    response = rpc.call("ModelInfer", raw(np.array([[1.0, 2.0], [3.0, 4.0]]), model_version="0"))

    assert values_of(response) == {"score": [2.0, 12.0], "label": [0, 1], "probability": [0.2, 1.0]}
    assert not any(output.HasField("contents") for output in response.outputs)


def test_only_the_outputs_asked_for_come_in_the_order_asked_for(rpc: Any) -> None:
    response = rpc.call("ModelInfer", infer([3, 4], outputs=("contributions", "label")))

    assert values_of(response) == {"contributions": [4.0, 8.0], "label": [1]}
    assert list(response.outputs[0].shape) == [1, 2]


def test_a_threshold_among_the_parameters_labels_and_is_repeated(rpc: Any) -> None:
    request = infer([1, 2], [3, 4], outputs=("label",))
    request.parameters["threshold"].int64_param = 1

    response = rpc.call("ModelInfer", request)

    assert values_of(response) == {"label": [1, 1]}
    assert response.parameters["threshold"].double_param == 1.0


def test_large_messages_are_scored_on_a_thread_and_answered_alike(rpc: Any, variant: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(40_000, 2)) * 3

    outputs = values_of(rpc.call("ModelInfer", raw(rows, outputs=infer([1, 2], outputs=("score",)).outputs)))

    assert outputs["score"] == pytest.approx([variant().score(a, b) for a, b in rows.tolist()], rel=1e-12)


def test_server_and_models_describe_themselves(rpc: Any) -> None:
    assert rpc.call("ServerLive", messages.ServerLiveRequest()).live
    assert rpc.call("ServerReady", messages.ServerReadyRequest()).ready
    assert rpc.call("ModelReady", messages.ModelReadyRequest(name="zones", version="0")).ready
    server = rpc.call("ServerMetadata", messages.ServerMetadataRequest())
    assert (server.name, list(server.extensions)) == ("pynomaly", ["binary_tensor_data"])

    model = rpc.call("ModelMetadata", messages.ModelMetadataRequest(name="zones"))

    over_http = rpc.http.get("/v2/models/zones").json()
    assert list(model.versions) == over_http["versions"]
    for described, expected in ((model.inputs, over_http["inputs"]), (model.outputs, over_http["outputs"])):
        shown = [{"name": each.name, "datatype": each.datatype, "shape": list(each.shape)} for each in described]
        assert shown == expected


def test_refusals_have_the_right_status_and_the_sentence_of_http(rpc: Any) -> None:
    unknown = "no model `plan` is loaded: there is `plant`, `zones`"
    for name in ("ModelReady", "ModelMetadata"):
        request = getattr(messages, f"{name}Request")(name="plan")
        assert rpc.refusal(name, request) == ("NOT_FOUND", unknown)
    assert rpc.refusal("ModelInfer", infer([1, 2], model_name="plan")) == ("NOT_FOUND", unknown)
    version = rpc.refusal("ModelInfer", infer([1, 2], model_version="3"))
    assert version == ("NOT_FOUND", "model `plant` has no version `3` here: it is version 0")
    status, sentence = rpc.refusal("ModelInfer", infer([1, 2], outputs=("scores",)))
    assert (status, sentence.split(":")[0]) == ("INVALID_ARGUMENT", "there is no output `scores`")
    infinite = rpc.refusal("ModelInfer", infer([1, float("inf")]))
    assert infinite == ("INVALID_ARGUMENT", "row 1: `b` is infinite; it takes a finite number")
    nothing = rpc.refusal("ModelInfer", messages.ModelInferRequest(model_name="plant"))
    assert nothing == ("INVALID_ARGUMENT", "the model takes the inputs `X` alone, not none")


@pytest.mark.parametrize("name", ["ModelInfer", "ModelReady", "ModelMetadata"])
def test_bytes_that_are_no_message_are_the_callers_fault(rpc: Any, name: str) -> None:
    method = rpc.channel.unary_unary(f"/inference.GRPCInferenceService/{name}")

    with pytest.raises(grpc.RpcError) as refused:
        method(b"\xff\xff\xff", timeout=20)

    error: Any = refused.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_rpcs_of_other_servers_are_not_here(rpc: Any) -> None:
    method = rpc.channel.unary_unary("/inference.GRPCInferenceService/ModelStatistics")

    with pytest.raises(grpc.RpcError) as refused:
        method(b"", timeout=20)

    error: Any = refused.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_calls_and_rows_are_counted_as_over_http(write: Any, variant: Any, started: Any) -> None:
    with started(write(variant())) as rpc:
        rpc.call("ModelInfer", infer([1, 2], [3, 4]))
        rpc.refusal("ModelInfer", infer([1, float("nan")]))
        rpc.refusal("ModelInfer", infer([1, 2], model_name="plan"))

        assert rpc.counted("ModelInfer") == {"200": 1, "422": 1, "404": 1}
        lines = rpc.http.get("/metrics").text.splitlines()
        assert 'pynomaly_analyses_total{algorithm="PCA",status="success"} 1.0' in lines
        assert 'pynomaly_analyses_total{algorithm="PCA",status="error"} 1.0' in lines
        assert "pynomaly_detections_total 1.0" in lines


def test_keys_are_asked_for_as_over_http(write: Any, variant: Any, started: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{KEY}\n")
    with started(write(variant()), keys=tmp_path / "keys") as rpc:
        assert rpc.call("ServerLive", messages.ServerLiveRequest()).live
        assert rpc.call("ServerReady", messages.ServerReadyRequest()).ready
        for metadata in ((), (("x-api-key", "another"),), (("authorization", f"Basic {KEY}"),)):
            for name, request in (
                ("ModelInfer", infer([1, 2])),
                ("ModelReady", messages.ModelReadyRequest(name="plant")),
                ("ModelMetadata", messages.ModelMetadataRequest(name="plant")),
                ("ServerMetadata", messages.ServerMetadataRequest()),
            ):
                status, sentence = rpc.refusal(name, request, metadata)
                assert status == "UNAUTHENTICATED"
                assert sentence.startswith("a valid key is needed")
        for metadata in ((("x-api-key", KEY),), (("authorization", f"Bearer {KEY}"),)):
            assert values_of(rpc.call("ModelInfer", infer([1, 2]), metadata))["score"] == [2.0]


def test_tokens_are_good_for_what_their_scopes_say(write: Any, variant: Any, started: Any, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(key_set(public(RSA, kid="a")))
    trust = JwtSettings(NAME, AUDIENCE, str(tmp_path / "jwks.json"))
    expires = int(time.time()) + 600

    def bearer(scope: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {token(scope=scope, exp=expires)}"),)

    explained = infer([3, 4], outputs=("contributions",))
    with started(write(variant()), jwt=trust) as rpc:
        assert values_of(rpc.call("ModelInfer", infer([1, 2]), bearer("score")))["score"] == [2.0]
        assert values_of(rpc.call("ModelInfer", explained, bearer("score explain"))) == {"contributions": [4.0, 8.0]}
        assert rpc.refusal("ModelInfer", explained, bearer("score"))[0] == "PERMISSION_DENIED"
        assert rpc.refusal("ModelInfer", infer([1, 2]), bearer("admin"))[0] == "PERMISSION_DENIED"
        assert rpc.refusal("ModelInfer", infer([1, 2]))[0] == "UNAUTHENTICATED"


def test_what_http_says_in_headers_is_in_the_trailing_metadata(write: Any, variant: Any, started: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    trust = JwtSettings(NAME, AUDIENCE, f"http://127.0.0.1:{port}/jwks")
    metadata = (("authorization", f"Bearer {token()}"),)
    with started(write(variant()), jwt=trust) as rpc, pytest.raises(grpc.RpcError) as refused:
        rpc.call("ModelInfer", infer([1, 2]), metadata)

    error: Any = refused.value
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert int(dict(error.trailing_metadata())["retry-after"]) > 0


def test_the_limits_are_those_of_http(write: Any, variant: Any, started: Any) -> None:
    with started(write(variant()), rows=3, body_mib=1 / 1024) as rpc:
        assert values_of(rpc.call("ModelInfer", raw(np.ones((3, 2)))))["score"] == [0.5, 0.5, 0.5]
        rows = rpc.refusal("ModelInfer", raw(np.ones((4, 2))))
        assert rows == ("RESOURCE_EXHAUSTED", "the request has 4 rows; at most 3 are taken: split it")
        status, _ = rpc.refusal("ModelInfer", raw(np.ones((200, 2))))
        assert status == "RESOURCE_EXHAUSTED"


def test_sigterm_answers_the_calls_that_come_while_it_drains_and_exits_0(
    write: Any, variant: Any, started: Any
) -> None:
    with started(write(variant()), drain_seconds=1.0) as rpc:
        rows = raw(np.ones((50_000, 2)))
        outcomes: list[Any] = []
        leave = threading.Event()

        def load() -> None:
            while not leave.is_set():
                try:
                    outcomes.append(len(values_of(rpc.call("ModelInfer", rows))["score"]))
                except grpc.RpcError as error:
                    outcomes.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        while not outcomes:
            time.sleep(0.01)
        rpc.process.send_signal(signal.SIGTERM)
        before = len(outcomes)
        while rpc.call("ServerReady", messages.ServerReadyRequest()).ready:
            time.sleep(0.01)
        leave.set()  # as a balancer does that sees a server which is not ready
        thread.join(20)

        assert not thread.is_alive()
        assert rpc.process.wait(20) == 0
        assert len(outcomes) > before
        assert set(outcomes) == {50_000}
        assert rpc.process.stdout is not None
        assert rpc.process.stderr is not None
        assert rpc.process.stdout.read() == "stopped\n"
        assert rpc.process.stderr.read() == ""


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01" + b"\x00" * 200,
        PREFACE + b"\xff" * 4096,
        PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" * 2000,
        PREFACE[:9],
    ],
    ids=["HTTP/1.1", "TLS", "no frames", "a flood of settings", "half a preface"],
)
def test_what_speaks_something_else_disturbs_no_other_client(rpc: Any, content: bytes) -> None:
    host, port = rpc.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(content)

        assert values_of(rpc.call("ModelInfer", infer([1, 2])))["score"] == [2.0]
    assert values_of(rpc.call("ModelInfer", infer([1, 2])))["score"] == [2.0]


def test_metadata_without_end_is_refused(rpc: Any) -> None:
    status, _ = rpc.refusal("ModelInfer", infer([1, 2]), [(f"x-{index}", "y" * 1000) for index in range(100)])

    assert status == "RESOURCE_EXHAUSTED"


def test_a_port_that_another_server_has_is_an_error_in_words(table: Any, variant: Any, rpc: Any) -> None:
    port = int(rpc.address.rsplit(":", 1)[1])

    with pytest.raises(AddressUnavailable, match=rf"cannot listen on 127.0.0.1:{port}: .* with --grpc-port"):
        serve(table(variant()), ServerSettings(port=0, grpc_port=port))
