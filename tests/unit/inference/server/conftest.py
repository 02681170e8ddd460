"""Models small enough to know every score by heart, and a real server in front of them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
import uvicorn
from onnx import TensorProto, helper, numpy_helper
from tests.unit.inference.server.access_issuer import PUBLISHED, Clock, Jwks, published

from pynomaly_inference.bundle import (
    METADATA_KEY,
    Evaluation,
    Golden,
    Metadata,
    Parity,
    ParityCase,
    Semantics,
    TrainedAlgorithm,
    TrainedFeature,
)
from pynomaly_inference.features import FeatureType
from pynomaly_inference.server.app import create_app
from pynomaly_inference.server.protocol import ScoringProtocol
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable

THRESHOLD = 4.0
MEDIANS = (1.0, 0.0)
LEVELS = {"blue": 1.0, "red": 2.0}


@dataclass(frozen=True)
class Variant:
    """A model whose score is (a - 1)^2 + b^2 / 2, plus the weight of `zone` when it has that category."""

    name: str = "plant"
    category: bool = False
    missing: bool = False
    explains: bool = True
    wrong_golden: bool = False
    logarithm: bool = False
    """The score is the logarithm of `a` instead: not finite from zero down."""

    def score(self, a: float | None, b: float | None, zone: str | None = None) -> float:
        """The score as arithmetic has it."""
        a, b = (MEDIANS[0] if a is None else a), (MEDIANS[1] if b is None else b)
        return (a - 1) ** 2 + b * b / 2 + (LEVELS.get(zone or "", 0.0) if self.category else 0.0)

    def build(self) -> bytes:
        """The model file."""
        model = helper.make_model(
            self._graph(),
            opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)],
            ir_version=10,
        )
        helper.set_model_props(model, {METADATA_KEY: self._metadata().to_json()})
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def _graph(self) -> onnx.GraphProto:
        make = helper.make_node
        nodes = [make("IsNaN", ["X"], ["absent"]), make("Where", ["absent", "medians", "X"], ["whole"])]
        nodes += [make("Sub", ["whole", "centre"], ["off"]), make("Mul", ["off", "off"], ["square"])]
        nodes += [make("Mul", ["square", "weights"], ["terms"])]
        if self.category:
            nodes += [
                make(
                    "LabelEncoder", ["C"], ["level"], domain="ai.onnx.ml", default_int64=0,
                    keys_strings=list(LEVELS), values_int64s=[int(weight) for weight in LEVELS.values()],
                ),
                make("Cast", ["level"], ["levels"], to=TensorProto.DOUBLE),
                make("Concat", ["terms", "levels"], ["contributions"], axis=1),
            ]  # fmt: skip
        else:
            nodes += [make("Identity", ["terms"], ["contributions"])]
        if self.logarithm:
            nodes += [make("Log", ["X"], ["logs"]), make("Slice", ["logs", "zero", "one", "axis"], ["first"])]
            nodes += [make("Squeeze", ["first", "axis"], ["score"])]
        else:
            nodes += [make("ReduceSum", ["contributions", "axis"], ["score"], keepdims=0)]
        nodes += [make("Greater", ["score", "threshold"], ["above"])]
        nodes += [make("Cast", ["above"], ["label"], to=TensorProto.INT64), make("Mul", ["score", "tenth"], ["scaled"])]
        nodes += [make("Clip", ["scaled", "low", "high"], ["probability"])]
        nodes += [make("Tanh", ["probability"], ["probability_unify"])]
        constants = {
            "medians": np.array(MEDIANS), "centre": np.array([1.0, 0.0]), "weights": np.array([1.0, 0.5]),
            "axis": np.array([1]), "zero": np.array([0]), "one": np.array([1]),
            "threshold": np.array(THRESHOLD * (1 + 1e-9)),
            "tenth": np.array(0.1), "low": np.array(0.0), "high": np.array(1.0),
        }  # fmt: skip
        width = 2 + self.category
        inputs = [helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", 2])]
        if self.category:
            inputs.append(helper.make_tensor_value_info("C", TensorProto.STRING, ["n", 1]))
        outputs = [helper.make_tensor_value_info("score", TensorProto.DOUBLE, ["n"])]
        outputs += [helper.make_tensor_value_info("label", TensorProto.INT64, ["n"])]
        outputs += [helper.make_tensor_value_info("probability", TensorProto.DOUBLE, ["n"])]
        outputs += [helper.make_tensor_value_info("probability_unify", TensorProto.DOUBLE, ["n"])]
        if self.explains:
            outputs += [helper.make_tensor_value_info("contributions", TensorProto.DOUBLE, ["n", width])]
        used = {name for node in nodes for name in node.input}
        values = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
        return helper.make_graph(nodes, "tiny", inputs, outputs, values)

    def _metadata(self) -> Metadata:
        number = FeatureType.NUMBER
        features = [TrainedFeature(name="a", type=number, quantiles=(-2.0, -1.9, -1.0, 0.0, 1.0, 2.0, 3.0, 3.9, 4.0))]
        features += [TrainedFeature(name="b", type=number, quantiles=(-3.0, -2.9, -2.0, -1.0, 0.0, 1.0, 2.0, 2.9, 3.0))]
        if self.category:
            features.append(TrainedFeature(name="zone", type=FeatureType.CATEGORY, levels=tuple(LEVELS)))
        numbers = ((1.0, 0.0), (3.0, 2.0), (2.0, -1.0), (4.0, 4.0))
        zones = ("blue", "red", "", "green")
        scores = [self.score(a, b, zone) for (a, b), zone in zip(numbers, zones, strict=True)]
        if self.logarithm:
            scores = [float(np.log(a)) for a, _ in numbers]
        if self.wrong_golden:
            scores[2] += 1e-6
        return Metadata(
            name=self.name,
            algorithm=TrainedAlgorithm(name="PCA", parameters={"n_components": 2}),
            semantics=Semantics.EXACT,
            explains=self.explains,
            keeps_training_rows=False,
            missing_values=self.missing,
            features=tuple(features),
            contamination=0.1,
            threshold=THRESHOLD,
            score_scale=1.0,
            score_quantiles=(0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0),
            evaluation=Evaluation(rows=90, held_out=True, anomaly_rate=0.1, anomalies=9, roc_auc=0.93),
            parity=Parity(
                reference="PyOD's decision_function", tolerance=1e-9, rows_within_threshold_band=0,
                cases={"held-out": ParityCase(rows=90, worst=0.1)},
            ),
            golden=Golden(
                numbers=numbers,
                categories=tuple((zone,) for zone in zones) if self.category else None,
                scores=tuple(scores),
            ),
            chunk=None,
            training_rows=210,
            data_fingerprint="0" * 64,
            versions={"onnx": onnx.__version__},
        )  # fmt: skip


@pytest.fixture(scope="session")
def variant() -> type[Variant]:
    return Variant


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Variant], Path]:
    """Writes a variant's model file."""
    folder = tmp_path_factory.mktemp("models")

    def write(variant: Variant) -> Path:
        path = folder / f"{abs(hash(variant))}.onnx"
        path.write_bytes(variant.build())
        return path

    return write


@pytest.fixture(scope="session")
def table(write: Callable[[Variant], Path]) -> Callable[..., ModelTable]:
    """Loads variants."""
    return lambda *variants: ModelTable.load([write(variant) for variant in variants])


@contextmanager
def _running(
    models: ModelTable,
    settings: ServerSettings,
    keep_alive: int = 60,
    protocol: type[ScoringProtocol] = ScoringProtocol,
) -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server: uvicorn.Server | None = None
        app = create_app(models, settings, connections=lambda: len(server.server_state.connections) if server else 0)
        started = threading.Event()
        config = uvicorn.Config(
            app, http=protocol, loop="uvloop", ws="websockets-sansio", ws_max_size=2**20,
            ws_per_message_deflate=False, log_config=None, access_log=False,
            server_header=False, proxy_headers=False, timeout_keep_alive=keep_alive,
        )  # fmt: skip
        server = _Announcing(config, started)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert started.wait(10)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._announced = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announced.set()


@pytest.fixture(scope="session")
def running() -> Callable[[ModelTable, ServerSettings], object]:
    """A context manager: a real server with these models on a port of its own, as an HTTP client of it."""
    return _running


@pytest.fixture(scope="session")
def client(table: Callable[..., ModelTable]) -> Iterator[httpx.Client]:
    """A server with one model, open to anyone, without limits."""
    with _running(table(Variant()), ServerSettings()) as client:
        yield client


@pytest.fixture(scope="module")
def keyed(table: Any, running: Any, variant: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that takes the key `secret`."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("secret\n")
    with running(table(variant()), ServerSettings(keys=keys)) as client:
        yield client


@pytest.fixture
def jwks() -> Iterator[Jwks]:
    """A server that publishes an issuer's keys."""
    with published(PUBLISHED) as jwks:
        yield jwks


@pytest.fixture
def clock() -> Clock:
    """Stands still."""
    return Clock()
