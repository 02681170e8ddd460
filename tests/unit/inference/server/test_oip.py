"""The Open Inference Protocol over HTTP."""

import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest

from pynomaly_inference.server.settings import ServerSettings

INFER = "/v2/models/plant/infer"
LENGTH = "inference-header-content-length"


@pytest.fixture(scope="module")
def zones(table: Any, running: Any, variant: Any) -> Any:
    with running(table(variant(name="zones", category=True, missing=True)), ServerSettings()) as client:
        yield client


def tensor(*rows: list[float], **more: Any) -> dict[str, Any]:
    flat = [value for row in rows for value in row]
    return {"name": "X", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat} | more


def infer(client: httpx.Client, path: str = INFER, **request: Any) -> httpx.Response:
    return client.post(path, json=request)


def binary(client: httpx.Client, values: Any, datatype: str, **request: Any) -> httpx.Response:
    size = {"binary_data_size": values.nbytes}
    described = {"name": "X", "shape": list(values.shape), "datatype": datatype, "parameters": size}
    head = json.dumps({"inputs": [described], **request}).encode()
    headers = {LENGTH: str(len(head)), "content-type": "application/octet-stream"}
    return client.post(INFER, content=head + values.tobytes(), headers=headers)


def unpack(response: httpx.Response) -> dict[str, Any]:
    """The outputs of an answer with binary tensors."""
    length = int(response.headers[LENGTH])
    tail, outputs = response.content[length:], {}
    for output in json.loads(response.content[:length])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        kind = {"FP64": "d", "INT64": "q"}[output["datatype"]]
        outputs[output["name"]] = list(struct.unpack(f"<{size // 8}{kind}", tail[:size]))
        assert np.prod(output["shape"]) == size // 8
        tail = tail[size:]
    assert tail == b""
    return outputs


def test_json_tensors_are_scored(client: httpx.Client) -> None:
    answer = infer(client, id='a "quoted" id', inputs=[tensor([1, 2], [3, 4])]).json()

    assert answer == {
        "model_name": "plant",
        "model_version": "0",
        "id": 'a "quoted" id',
        "outputs": [
            {"name": "score", "datatype": "FP64", "shape": [2], "data": [2.0, 12.0]},
            {"name": "label", "datatype": "INT64", "shape": [2], "data": [0, 1]},
            {"name": "probability", "datatype": "FP64", "shape": [2], "data": [0.2, 1.0]},
        ],
    }  # fmt: skip


def test_the_version_may_be_in_the_path(client: httpx.Client) -> None:
    answer = infer(client, "/v2/models/plant/versions/0/infer", inputs=[tensor([1, 2])])
    assert answer.json()["outputs"][0]["data"] == [2.0]

    refused = infer(client, "/v2/models/plant/versions/3/infer", inputs=[tensor([1, 2])])
    assert refused.status_code == 404
    assert refused.json() == {"error": "model `plant` has no version `3` here: it is version 0"}


def test_requested_outputs_come_in_the_order_asked_for(client: httpx.Client) -> None:
    names = ["contributions", "score", "probability_unify"]

    answer = infer(client, inputs=[tensor([3, 4])], outputs=[{"name": name} for name in names]).json()

    assert [output["name"] for output in answer["outputs"]] == names
    assert answer["outputs"][0] == {"name": "contributions", "datatype": "FP64", "shape": [1, 2], "data": [4.0, 8.0]}
    assert answer["outputs"][2]["data"] == [pytest.approx(np.tanh(1.0))]


def test_an_output_that_is_not_there_or_asked_for_twice_is_refused(client: httpx.Client) -> None:
    unknown = infer(client, inputs=[tensor([1, 2])], outputs=[{"name": "scores"}])
    assert unknown.status_code == 400
    assert unknown.json()["error"].startswith("there is no output `scores`: there are score, label, probability")

    twice = infer(client, inputs=[tensor([1, 2])], outputs=[{"name": "score"}, {"name": "score"}])
    assert twice.json() == {"error": "output `score` is asked for twice"}


@pytest.mark.parametrize("datatype", ["FP64", "FP32", "FP16", "INT64", "INT8", "UINT8"])
def test_binary_tensors_of_any_number_are_scored(client: httpx.Client, datatype: str) -> None:
    kind = {"FP": "f", "IN": "i", "UI": "u"}[datatype[:2]] + str(int("".join(filter(str.isdigit, datatype))) // 8)

    answer = binary(client, np.array([[1, 2], [3, 4]], kind), datatype, parameters={"binary_data_output": True})

    assert unpack(answer) == {"score": [2.0, 12.0], "label": [0, 1], "probability": [0.2, 1.0]}


def test_each_output_may_be_binary_or_not(client: httpx.Client) -> None:
    outputs = [{"name": "score", "parameters": {"binary_data": True}}, {"name": "label"}]

    answer = binary(client, np.array([[3.0, 4.0]]), "FP64", outputs=outputs)

    length = int(answer.headers[LENGTH])
    described = json.loads(answer.content[:length])["outputs"]
    assert described[0]["parameters"] == {"binary_data_size": 8}
    assert described[1]["data"] == [1]
    assert struct.unpack("<d", answer.content[length:]) == (12.0,)


def test_bf16_is_the_upper_half_of_fp32(client: httpx.Client) -> None:
    halves = (np.array([[1, 2], [3, 4]], "<f4").view("<u4") >> 16).astype("<u2")

    answer = binary(client, halves, "BF16", parameters={"binary_data_output": True})

    assert unpack(answer)["score"] == [2.0, 12.0]
    in_json = infer(client, inputs=[tensor([1, 2], datatype="BF16")])
    assert in_json.json() == {"error": "input `X`: BF16 has no JSON form: send it in binary, or as FP32"}


def test_a_threshold_among_the_parameters_labels_and_is_repeated(client: httpx.Client) -> None:
    request: dict[str, Any] = {"inputs": [tensor([1, 2], [3, 4])], "outputs": [{"name": "label"}]}

    answer = infer(client, **request, parameters={"threshold": 1, "of_somebody_else": "kept out of it"}).json()

    assert answer["outputs"][0]["data"] == [1, 1]
    assert answer["parameters"] == {"threshold": 1.0}
    assert infer(client, **request).json()["outputs"][0]["data"] == [0, 1]


@pytest.mark.parametrize("threshold", ["4", True, [4]])
def test_a_threshold_that_is_no_finite_number_is_refused(client: httpx.Client, threshold: object) -> None:
    refused = infer(client, inputs=[tensor([1, 2])], parameters={"threshold": threshold})

    assert refused.status_code == 400
    assert refused.json()["error"].endswith("it takes a finite number")


def test_extensions_that_would_change_the_answer_are_refused_not_ignored(client: httpx.Client) -> None:
    classes = infer(client, inputs=[tensor([1, 2])], outputs=[{"name": "score", "parameters": {"classification": 2}}])
    assert classes.status_code == 400
    assert classes.json() == {
        "error": "output `score`: this server has no classification extension: leave out `classification`"
    }

    shared = {"name": "X", "shape": [1, 2], "datatype": "FP64", "parameters": {"shared_memory_region": "mine"}}
    assert infer(client, inputs=[shared]).json()["error"].startswith("input `X`: this server has no shared memory")


def test_binary_contributions_are_row_by_row(client: httpx.Client) -> None:
    outputs = [{"name": "contributions"}]

    answer = binary(
        client, np.array([[3.0, 4.0], [2.0, 2.0]]), "FP64", outputs=outputs, parameters={"binary_data_output": True}
    )

    assert unpack(answer) == {"contributions": [4.0, 8.0, 1.0, 2.0]}


def test_categories_are_the_second_input(zones: httpx.Client) -> None:
    levels = {"name": "C", "shape": [2, 1], "datatype": "BYTES", "data": ["red", None]}

    answer = infer(zones, "/v2/models/zones/infer", inputs=[levels, tensor([1, 2], [None, 2])])  # type: ignore[list-item]

    assert answer.json()["outputs"][0]["data"] == [4.0, 2.0]
    alone = infer(zones, "/v2/models/zones/infer", inputs=[tensor([1, 2])])
    assert alone.json() == {"error": "the model takes the inputs `X` and `C`, not `X`"}


def test_large_requests_are_scored_on_a_thread_and_answered_alike(client: httpx.Client, variant: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(40_000, 2)) * 3

    outputs = unpack(binary(client, rows, "FP64", parameters={"binary_data_output": True}))

    expected = [variant().score(a, b) for a, b in rows.tolist()]
    assert outputs["score"] == pytest.approx(expected, rel=1e-12)
    assert outputs["label"] == [int(score > 4.0) for score in outputs["score"]]


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({LENGTH: "-1"}, 400, "Inference-Header-Content-Length takes a whole number of bytes"),
        ({LENGTH: "many"}, 400, "Inference-Header-Content-Length takes a whole number of bytes"),
        ({LENGTH: "999"}, 400, "Inference-Header-Content-Length is 999, and the body has"),
        ({"content-type": "text/csv"}, 415, "the body is text/csv: send application/json, or"),
    ],
)
def test_wrong_headers_are_refused(client: httpx.Client, headers: dict[str, str], status: int, sentence: str) -> None:
    response = client.post(INFER, content=json.dumps({"inputs": [tensor([1, 2])]}), headers=headers)

    assert response.status_code == status
    assert response.json()["error"].startswith(sentence)


def test_a_model_that_is_not_loaded_is_not_found(client: httpx.Client) -> None:
    for path in ("/v2/models/plan/infer", "/v2/models/plan", "/v2/models/plan/ready", "/v2/models/plan/versions/0"):
        response = client.request("POST" if path.endswith("infer") else "GET", path)
        assert response.status_code == 404
        assert response.json() == {"error": "no model `plan` is loaded: there is `plant`"}


def test_server_and_model_describe_themselves(client: httpx.Client, zones: httpx.Client) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/models/plant/versions/0/ready").json() == {"name": "plant", "ready": True}

    described = zones.get("/v2/models/zones").json()

    assert described["versions"] == ["0"]
    assert described["inputs"] == [
        {"name": "X", "datatype": "FP64", "shape": [-1, 2]},
        {"name": "C", "datatype": "BYTES", "shape": [-1, 1]},
    ]
    assert {output["name"]: output["shape"] for output in described["outputs"]} == {
        "score": [-1], "label": [-1], "probability": [-1], "probability_unify": [-1], "contributions": [-1, 3],
    }  # fmt: skip
