"""Autoencoder: Aggarwal, "Outlier Analysis", 2015, chapter 3, as PyOD builds it."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import distances, double_reference, in_double
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.networks import (
    EXTRA,
    RESIDUALS,
    activation,
    few_rows,
    layers,
    network,
    reconstruction_error,
)

TINY = 1e-8
"""PyOD adds it to a standard deviation before it divides."""
TRAINING: dict[str, dict[str, Any]] = {
    "preprocessing": {
        "type": "boolean",
        "description": "Scale features to mean 0 and variance 1 first; the default is true.",
    },
    "lr": {"type": "number", "exclusiveMinimum": 0, "description": "Learning rate; the default is 0.001."},
    "epoch_num": {"type": "integer", "minimum": 1, "description": "Passes over the training rows."},
    "batch_size": {
        "type": "integer",
        "minimum": 1,
        "description": "Rows of one step of training, at most as many as there are; the default is 32.",
    },
    "optimizer_name": {"enum": ["adam", "sgd"], "description": "The optimizer; the default is `adam`."},
    "optimizer_params": {
        "type": "object",
        "properties": {
            "weight_decay": {"type": "number", "minimum": 0},
            "adam_eps": {"type": "number", "exclusiveMinimum": 0},
            "sgd_momentum": {"type": "number", "minimum": 0},
            "sgd_nesterov": {"type": "boolean"},
        },
        "additionalProperties": False,
        "description": "`weight_decay` (default 0.00001), `adam_eps`, `sgd_momentum`, `sgd_nesterov`.",
    },
    "dropout_rate": {
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "description": "Share of neurons left out in each step of training; the default is 0.2.",
    },
    "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
}
"""Parameters of PyOD's common base of networks."""


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The distance between the standardised row and its reconstruction."""
    z = (x - detector.X_mean) / (detector.X_std + TINY) if detector.preprocessing else x
    return reconstruction_error(z, network(network(z, detector.model.encoder), detector.model.decoder))


def standardized(detector: Any, X: Matrix) -> Matrix:
    """The rows as the network sees them."""
    if not detector.preprocessing:
        return X
    rows: Matrix = (X - detector.X_mean) / (np.asarray(detector.X_std) + TINY)
    return rows


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The distances, with the reconstruction in double precision."""
    z = standardized(detector, X)
    return distances(z, in_double(detector.model, z))


DECLARATION = Declaration(
    name="AutoEncoder",
    path="pyod.models.auto_encoder.AutoEncoder",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.feature_size),
    chunk=few_rows,
    reference=double_reference(scores_in_double),
    contributions=RESIDUALS,
    extra=EXTRA,
    fitting=frozenset({"device"}),
    fixed={"verbose": 0},
    parameters=TRAINING
    | {
        "hidden_neuron_list": layers("Widths of the encoder's layers, the decoder's in reverse; default [64, 32]."),
        "hidden_activation_name": activation("Activation of the hidden layers; the default is `relu`."),
        "batch_norm": {"type": "boolean", "description": "Normalise batches in each layer; the default is true."},
    },
)
