"""Graphs small enough to know every output by heart."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pynomaly_inference.bundle import METADATA_KEY

Build = Callable[..., bytes]
OUTPUTS: dict[str, tuple[int, list[str | int | None]]] = {
    "score": (TensorProto.DOUBLE, ["n"]),
    "label": (TensorProto.INT64, ["n"]),
    "probability": (TensorProto.DOUBLE, ["n"]),
    "probability_unify": (TensorProto.DOUBLE, ["n"]),
    "contributions": (TensorProto.DOUBLE, ["n", 2]),
}
METADATA = {
    "name": "sum",
    "algorithm": {"name": "PCA", "parameters": {}},
    "semantics": "exact",
    "explains": True,
    "keepsTrainingRows": False,
    "missingValues": False,
    "features": [{"name": "a", "type": "Number"}, {"name": "b", "type": "Number"}],
    "contamination": 0.1,
    "threshold": 3.0,
    "scoreScale": 1.0,
    "scoreQuantiles": [0, 1, 2, 3, 4, 5, 6, 7, 8],
    "evaluation": {"rows": 1, "heldOut": False, "anomalyRate": 0.0},
    "parity": {"reference": "PyOD", "tolerance": 1e-9, "cases": {}, "rowsWithinThresholdBand": 0},
    "golden": {"numbers": [[1, 2], [3, 4]], "categories": None, "scores": [3.0, 7.0]},
    "chunk": None,
    "trainingRows": 2,
    "dataFingerprint": "0",
    "versions": {},
}


@pytest.fixture(scope="session")
def metadata() -> dict[str, object]:
    """Of a model whose score is a + b."""
    return METADATA


@pytest.fixture(scope="session")
def build() -> Build:
    """A model whose score is a + b, with `metadata` text and these outputs."""

    def build(metadata: str | None, outputs: Sequence[str] = tuple(OUTPUTS), inputs: Sequence[str] = ("X",)) -> bytes:
        make = helper.make_node
        nodes = [
            make("Identity", ["X"], ["contributions"]),
            make("ReduceSum", ["X", "axis"], ["score"], keepdims=0),
            make("Greater", ["score", "three"], ["above"]),
            make("Cast", ["above"], ["label"], to=TensorProto.INT64),
            make("Mul", ["score", "tenth"], ["probability"]),
            make("Neg", ["probability"], ["probability_unify"]),
        ]
        constants = {"axis": np.array([1]), "three": np.array(3.0), "tenth": np.array(0.1)}
        graph = helper.make_graph(
            nodes,
            "sum",
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", 2]) for name in inputs],
            [helper.make_tensor_value_info(name, OUTPUTS[name][0], OUTPUTS[name][1]) for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        if metadata is not None:
            helper.set_model_props(model, {METADATA_KEY: metadata})
        content: bytes = model.SerializeToString()
        onnx.checker.check_model(onnx.load_from_string(content))
        return content

    return build
