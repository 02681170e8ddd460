"""Deviation network: Pang et al., "Deep Anomaly Detection with Deviation Networks", KDD 2019."""

from typing import Any

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import double_reference, in_double
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.networks import EXTRA, few_rows, network, relu


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The network's output: the deviation from scores of ordinary rows that it was trained to give anomalies."""
    for hidden in _hidden(detector):
        x = relu(network(x, hidden))
    return Conversion(network(x, detector.model.score).reshape(-1))


def _hidden(detector: Any) -> list[Any]:
    return [getattr(detector.model, name) for name in ("fc1", "fc2", "fc3") if hasattr(detector.model, name)]


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The outputs, in double precision."""
    return in_double(detector.model, X).ravel()


DECLARATION = Declaration(
    name="DevNet",
    path="pyod.models.devnet.DevNet",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int([*_hidden(detector), detector.model.score][0].in_features),
    chunk=few_rows,
    reference=double_reference(scores_in_double),
    extra=EXTRA,
    fitting=frozenset({"device"}),
    reads_label=True,
    parameters={
        "network_depth": {
            "enum": [1, 2, 4],
            "description": "Layers: 1 (linear), 2 (1000 hidden neurons) or 4 (1000, 250, 20); the default is 2.",
        },
        "batch_size": {
            "type": "integer",
            "minimum": 2,
            "description": "Rows of one step; the last step must not be left with a single row. The default is 512.",
        },
        "epochs": {"type": "integer", "minimum": 1, "description": "Passes over the training rows; the default is 50."},
        "nb_batch": {"type": "integer", "description": "Accepted as PyOD accepts it, and ignores it."},
        "known_outliers": {"type": "integer", "description": "Accepted as PyOD accepts it, and ignores it."},
        "cont_rate": {"type": "number", "description": "Accepted as PyOD accepts it, and ignores it."},
        "data_format": {"type": "integer", "description": "Accepted as PyOD accepts it, and ignores it."},
        "random_seed": {
            "type": "integer",
            "description": "Accepted as PyOD accepts it, and ignores it: the seed is `training.seed`.",
        },
    },
)
