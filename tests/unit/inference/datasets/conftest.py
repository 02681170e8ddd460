"""A model so small that its scores can be told by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.unit.inference.datasets.tables import Write, written

from pynomaly_inference.bundle import (
    METADATA_KEY,
    Evaluation,
    Golden,
    Metadata,
    Parity,
    Semantics,
    TrainedAlgorithm,
    TrainedFeature,
)
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.model import Model

ModelFactory = Callable[..., Model]


def model_bytes(numbers: tuple[str, ...], categories: tuple[str, ...], *, missing_values: bool) -> bytes:
    """score = x1 + 2 x2 + 3 x3 …, a missing value counting as 0, plus 1000 where the first category is `hot`;
    label = score > 10; probability = 1 for an anomaly, else 0."""
    weights = np.arange(1.0, len(numbers) + 1.0)
    constants = {"weights": weights, "zero": np.zeros(1), "ten": np.array(10.0), "thousand": np.array(1000.0)}
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    nodes = [
        helper.make_node("IsNaN", ["X"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "X"], ["present"]),
        helper.make_node("MatMul", ["present", "weights"], ["sum"]),
    ]
    inputs = [helper.make_tensor_value_info("X", TensorProto.DOUBLE, [None, len(numbers)])]
    if categories:
        inputs.append(helper.make_tensor_value_info("C", TensorProto.STRING, [None, len(categories)]))
        initializers.append(numpy_helper.from_array(np.array("hot", object), "hot"))
        initializers.append(numpy_helper.from_array(np.array(0), "first"))
        nodes += [
            helper.make_node("Gather", ["C", "first"], ["level"], axis=1),
            helper.make_node("Equal", ["level", "hot"], ["is_hot"]),
            helper.make_node("Cast", ["is_hot"], ["heat"], to=TensorProto.DOUBLE),
            helper.make_node("Mul", ["heat", "thousand"], ["extra"]),
            helper.make_node("Add", ["sum", "extra"], ["score"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["sum"], ["score"]))
    nodes += [
        helper.make_node("Greater", ["score", "ten"], ["above"]),
        helper.make_node("Cast", ["above"], ["label"], to=TensorProto.INT64),
        helper.make_node("Cast", ["above"], ["probability"], to=TensorProto.DOUBLE),
    ]
    types = {"score": TensorProto.DOUBLE, "label": TensorProto.INT64, "probability": TensorProto.DOUBLE}
    outputs = [helper.make_tensor_value_info(name, kind, [None]) for name, kind in types.items()]
    graph = helper.make_graph(nodes, "weighted-sum", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    entry = model.metadata_props.add()
    entry.key = METADATA_KEY
    entry.value = metadata(numbers, categories, missing_values=missing_values).to_json()
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def metadata(numbers: tuple[str, ...], categories: tuple[str, ...], *, missing_values: bool) -> Metadata:
    return Metadata(
        name="weighted-sum",
        algorithm=TrainedAlgorithm(name="None", parameters={}),
        semantics=Semantics.EXACT,
        explains=False,
        keeps_training_rows=False,
        missing_values=missing_values,
        features=(
            *(TrainedFeature(name=name, type=FeatureType.NUMBER) for name in numbers),
            *(TrainedFeature(name=name, type=FeatureType.CATEGORY) for name in categories),
        ),
        contamination=0.1,
        threshold=10.0,
        score_scale=1.0,
        score_quantiles=(0.0,) * 9,
        evaluation=Evaluation(rows=0, held_out=False, anomaly_rate=0.0),
        parity=Parity(reference="none", tolerance=1e-9, cases={}, rows_within_threshold_band=0),
        golden=Golden(numbers=(), categories=None, scores=()),
        chunk=1000,
        training_rows=0,
        data_fingerprint="",
        versions={},
    )


@pytest.fixture
def model_of() -> ModelFactory:
    def make(*numbers: str, categories: tuple[str, ...] = (), missing_values: bool = False) -> Model:
        return Model.parse(model_bytes(numbers, categories, missing_values=missing_values))

    return make


@pytest.fixture
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The model in a file, for processes of their own."""

    def write(*numbers: str) -> Path:
        path = tmp_path_factory.mktemp("model") / "model.onnx"
        path.write_bytes(model_bytes(numbers, (), missing_values=False))
        return path

    return write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes columns into a file of the name's kind."""
    return lambda cells, name="x.csv": written(cells, tmp_path / name)
