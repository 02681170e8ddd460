"""Single-objective generative adversarial active learning: Liu et al., TKDE 2019."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import double_reference, in_double
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.networks import EXTRA, network, relu, sigmoid

LEAST = float(np.finfo(np.float32).tiny)
"""A discriminator that is certain of all training rows gives them 0 in single precision, and that is the threshold."""
TRAINING: dict[str, dict[str, Any]] = {
    "stop_epochs": {
        "type": "integer",
        "minimum": 1,
        "description": "A third of the passes over the training rows: the generator learns in the first; default 20.",
    },
    "lr_d": {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "The discriminator's learning rate; default 0.01.",
    },
    "lr_g": {"type": "number", "exclusiveMinimum": 0, "description": "The generator's learning rate; default 0.0001."},
    "momentum": {"type": "number", "minimum": 0, "description": "Of the optimizers; the default is 0.9."},
}


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The discriminator's output; 0 below `LEAST`."""
    hidden = relu(network(x, detector.discriminator.layer1))
    score = sigmoid(network(hidden, detector.discriminator.layer2)).reshape(-1)
    return Conversion(graph.where(score > LEAST, score, 0.0))


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The outputs, in double precision."""
    scores = in_double(detector.discriminator, X).ravel()
    return np.where(scores > LEAST, scores, 0.0)


def columns(detector: Any) -> int:
    """How many inputs the discriminator has."""
    return int(detector.discriminator.layer1.in_features)


DECLARATION = Declaration(
    name="SO_GAAL",
    path="pyod.models.so_gaal.SO_GAAL",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=columns,
    reference=double_reference(scores_in_double),
    extra=EXTRA,
    parameters=TRAINING,
)
