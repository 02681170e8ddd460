"""Deep one-class classification: Ruff et al., "Deep One-Class Classification", ICML 2018, as PyOD builds it."""

from typing import Any

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import double_reference, in_double
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.networks import EXTRA, activation, layers, network, numbers


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The squared distance between the network's output and the centre of the training rows'."""
    z = (x - detector.scaler_.mean_) / detector.scaler_.scale_ if detector.preprocessing else x
    return Conversion((network(z, detector.model_.model) - numbers(detector.c_)).square().sum(axis=1))


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The squared distances, with the network in double precision."""
    z = detector.scaler_.transform(X) if detector.preprocessing else X
    scores: Scores = ((in_double(detector.model_, z) - numbers(detector.c_)) ** 2).sum(axis=1)
    return scores


DECLARATION = Declaration(
    name="DeepSVDD",
    path="pyod.models.deep_svdd.DeepSVDD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.n_features_),
    reference=double_reference(scores_in_double),
    extra=EXTRA,
    fitting=frozenset({"n_features"}),
    fixed={"verbose": 0},
    told_columns=True,
    parameters={
        "c": {
            "anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}],
            "description": "The centre; the default is the mean of the untrained network's outputs.",
        },
        "use_ae": {
            "type": "boolean",
            "description": "Add a decoder and measure the distance of its output; the default is false.",
        },
        "hidden_neurons": layers("Widths of the layers; the default is [64, 32].", fewest=2),
        "hidden_activation": activation("Activation of the hidden layers; the default is `relu`."),
        "output_activation": activation("Activation of the decoder's output; the default is `sigmoid`."),
        "optimizer": {
            "enum": ["adadelta", "adagrad", "adam", "adamw", "asgd", "nadam", "rmsprop", "sgd"],
            "description": "The optimizer; the default is `adam`.",
        },
        "learning_rate": {"type": "number", "exclusiveMinimum": 0, "description": "The default is 0.0001."},
        "epochs": {
            "type": "integer",
            "minimum": 1,
            "description": "Passes over the training rows; the default is 100.",
        },
        "batch_size": {"type": "integer", "minimum": 1, "description": "Rows of one step of training; default 32."},
        "dropout_rate": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "description": "Share of neurons left out in each step of training; the default is 0.2.",
        },
        "l2_regularizer": {"type": "number", "minimum": 0, "description": "Weight decay; the default is 0.0000005."},
        "validation_size": {"type": "number", "description": "Accepted as PyOD accepts it, and ignores it."},
        "preprocessing": {
            "type": "boolean",
            "description": "Scale features to mean 0 and variance 1 first; the default is true.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
