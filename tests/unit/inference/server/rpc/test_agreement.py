"""Scores depend on the row alone: not on the protocol, the form, or the rows beside it."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pynomaly_inference.datasets.addresses import parse_destinations
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.resource import parse_resource
from pynomaly_inference.server.rpc.open_inference_pb2 import InferTensorContents, ModelInferRequest
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_inference.training.train import Trained, train_resource

FEATURES = ("a", "b", "c")
TREES, OTHERS = ("trees",), ("components", "neighbours")
ALGORITHMS = {
    "trees": "{name: IForest, parameters: {n_estimators: 25}}",
    "components": "{name: PCA}",
    "neighbours": "{name: KNN}",
}
TOLERANCE = 1e-9

Matrix = NDArray[np.float64]
Score = Callable[[Any, str, Matrix], list[float]]


class Silent:
    def begin(self, stage: str) -> None: ...

    def advance(self, share: float, detail: str) -> None: ...

    def warn(self, sentence: str) -> None: ...


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """One model of trees, and others, each trained by PyOD and converted."""
    folder = tmp_path_factory.mktemp("data")
    rows = np.random.default_rng(8).normal(size=(200, len(FEATURES)))
    np.savetxt(folder / "rows.csv", rows, delimiter=",", header=",".join(FEATURES), comments="")
    places = Places(folder, None, {}, {}, parse_destinations(()))
    return {name: train_resource(resource(name), places, Silent()) for name in ALGORITHMS}


def resource(name: str) -> AnomalyDetector:
    return parse_resource(
        f"""
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {{name: {name}}}
spec:
  algorithm: {ALGORITHMS[name]}
  training: {{source: {{uri: rows.csv}}}}
""",
        AnomalyDetector,
    )


@pytest.fixture(scope="module")
def rpc(models: dict[str, Trained], started: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with all of them."""
    folder = tmp_path_factory.mktemp("models")
    paths = [folder / f"{name}.onnx" for name in models]
    for path, trained in zip(paths, models.values(), strict=True):
        path.write_bytes(trained.content)
    with started(*paths) as rpc:
        yield rpc


def posted(rpc: Any, path: str, content: bytes, media: str = "application/json", **headers: str) -> Any:
    response = rpc.http.post(path, content=content, headers={"content-type": media, **headers})
    assert response.status_code == 200, response.text
    return response


def scored(rpc: Any, model: str, content: bytes, media: str = "application/json") -> list[float]:
    scores: list[float] = posted(rpc, f"/v1/score?model={model}", content, media).json()["scores"]
    return scores


def floats(content: bytes) -> list[float]:
    return [float(value) for value in np.frombuffer(content, "<f8")]


def rows_as_json(rpc: Any, model: str, rows: Matrix) -> list[float]:
    return scored(rpc, model, json.dumps({"rows": rows.tolist()}).encode())


def records_as_json(rpc: Any, model: str, rows: Matrix) -> list[float]:
    records = [dict(zip(FEATURES, row, strict=True)) for row in rows.tolist()]
    return scored(rpc, model, json.dumps({"records": records}).encode())


def as_csv(rpc: Any, model: str, rows: Matrix) -> list[float]:
    lines = [",".join(FEATURES), *(",".join(map(repr, row)) for row in rows.tolist())]
    return scored(rpc, model, "\n".join(lines).encode(), "text/csv")


def as_ndjson(rpc: Any, model: str, rows: Matrix) -> list[float]:
    lines = [json.dumps(dict(zip(FEATURES, row, strict=True))) for row in rows.tolist()]
    return scored(rpc, model, "\n".join(lines).encode(), "application/x-ndjson")


def _table(rows: Matrix) -> pa.Table:
    return pa.table(dict(zip(FEATURES, rows.T, strict=True)))


def as_arrow(rpc: Any, model: str, rows: Matrix) -> list[float]:
    table, out = _table(rows), io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return scored(rpc, model, out.getvalue(), "application/vnd.apache.arrow.stream")


def as_parquet(rpc: Any, model: str, rows: Matrix) -> list[float]:
    out = io.BytesIO()
    pq.write_table(_table(rows), out)
    return scored(rpc, model, out.getvalue(), "application/vnd.apache.parquet")


def oip_as_json(rpc: Any, model: str, rows: Matrix) -> list[float]:
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP64", "data": rows.ravel().tolist()}
    response = posted(rpc, f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}).encode())
    scores: list[float] = response.json()["outputs"][0]["data"]
    return scores


def oip_in_binary(rpc: Any, model: str, rows: Matrix) -> list[float]:
    size = {"binary_data_size": rows.nbytes}
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP64", "parameters": size}
    asked = {"inputs": [tensor], "outputs": [{"name": "score", "parameters": {"binary_data": True}}]}
    head, length = json.dumps(asked).encode(), "inference-header-content-length"
    media = "application/octet-stream"
    response = posted(rpc, f"/v2/models/{model}/infer", head + rows.tobytes(), media, **{length: str(len(head))})
    return floats(response.content[int(response.headers[length]) :])


def grpc_raw(rpc: Any, model: str, rows: Matrix) -> list[float]:
    tensor = ModelInferRequest.InferInputTensor(name="X", datatype="FP64", shape=rows.shape)
    request = ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[rows.tobytes()])
    return floats(rpc.call("ModelInfer", request).raw_output_contents[0])


def grpc_typed(rpc: Any, model: str, rows: Matrix) -> list[float]:
    contents = InferTensorContents(fp64_contents=rows.ravel().tolist())
    tensor = ModelInferRequest.InferInputTensor(name="X", datatype="FP64", shape=rows.shape, contents=contents)
    response = rpc.call("ModelInfer", ModelInferRequest(model_name=model, inputs=[tensor]))
    return list(response.outputs[0].contents.fp64_contents)


def kserve_v1(rpc: Any, model: str, rows: Matrix) -> list[float]:
    answer = posted(rpc, f"/v1/models/{model}:predict", json.dumps({"instances": rows.tolist()}).encode()).json()
    return [prediction["score"] for prediction in answer["predictions"]]


PROTOCOLS: tuple[Score, ...] = (
    rows_as_json, records_as_json, as_csv, as_ndjson, as_arrow, as_parquet, oip_as_json, oip_in_binary, grpc_raw,
    grpc_typed, kserve_v1,
)  # fmt: skip
values = st.one_of(
    st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(-4, 4, allow_subnormal=False), st.integers(-3, 3).map(float)
)
matrices: st.SearchStrategy[Matrix] = st.lists(st.tuples(*[values] * len(FEATURES)), min_size=1, max_size=40).map(
    np.array
)


def every_way(rpc: Any, model: str, rows: Matrix, cut: int) -> dict[str, list[float]]:
    """The scores by protocol: of all rows at once, and of the rows in two requests."""
    found = {}
    for score in PROTOCOLS:
        name = score.__name__
        found[name] = score(rpc, model, rows)
        parts = [part for part in (rows[:cut], rows[cut:]) if len(part)]
        found[f"{name}, in parts"] = [one for part in parts for one in score(rpc, model, part.copy())]
    return found


@given(matrices, st.integers(0, 40))
@settings(max_examples=50, deadline=None)  # each example is 44 requests to a process of its own
def test_trees_score_bit_for_bit_alike_however_the_rows_arrive(rpc: Any, rows: Matrix, cut: int) -> None:
    for model in TREES:
        reference = rows_as_json(rpc, model, rows)

        for way, scores in every_way(rpc, model, rows, cut).items():
            assert scores == reference, way


@given(matrices, st.integers(0, 40))
@settings(max_examples=30, deadline=None)  # each example is 88 requests to a process of its own
def test_other_models_score_within_the_tolerance_however_the_rows_arrive(
    rpc: Any, models: dict[str, Trained], rows: Matrix, cut: int
) -> None:
    for model in OTHERS:
        reference = np.array(rows_as_json(rpc, model, rows))
        bound = TOLERANCE * np.maximum(np.abs(reference), models[model].model.metadata.score_scale)

        for way, scores in every_way(rpc, model, rows, cut).items():
            assert (np.abs(np.array(scores) - reference) <= bound).all(), way


def test_trees_score_bit_for_bit_alike_inline_and_on_a_thread(rpc: Any) -> None:
    rows = np.random.default_rng(2).normal(size=(6_000, len(FEATURES))) * 3
    whole = oip_in_binary(rpc, "trees", rows)
    alone = [score for row in rows[:200] for score in oip_in_binary(rpc, "trees", row[None])]

    assert grpc_raw(rpc, "trees", rows) == rows_as_json(rpc, "trees", rows) == as_csv(rpc, "trees", rows) == whole
    assert alone == whole[:200]
