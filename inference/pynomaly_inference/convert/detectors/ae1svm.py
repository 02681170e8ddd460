"""Autoencoder trained with a one-class SVM on random Fourier features: Nguyen and Vien, "AE-1SVM", 2018."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.detectors.autoencoder import TINY
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


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The distance between the standardised row and its reconstruction: the SVM takes part in training only."""
    z = (x - detector.mean) / (detector.std + TINY) if detector.preprocessing else x
    return reconstruction_error(z, network(network(z, detector.model.encoder), detector.model.decoder))


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The distances, with the reconstruction in double precision."""
    z: Matrix = (X - detector.mean) / (np.asarray(detector.std) + TINY) if detector.preprocessing else X
    return distances(z, in_double(detector.model.decoder, in_double(detector.model.encoder, z)))


DECLARATION = Declaration(
    name="AE1SVM",
    path="pyod.models.ae1svm.AE1SVM",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.model.encoder[0].in_features),
    chunk=few_rows,
    reference=double_reference(scores_in_double),
    contributions=RESIDUALS,
    extra=EXTRA,
    fitting=frozenset({"loss_fn"}),
    parameters={
        "hidden_neurons": layers("Widths of the encoder's layers, the decoder's in reverse; default [64, 32]."),
        "hidden_activation": activation("Activation of every layer; the default is `relu`."),
        "batch_norm": {"type": "boolean", "description": "Normalise batches in each layer; the default is true."},
        "learning_rate": {"type": "number", "exclusiveMinimum": 0, "description": "The default is 0.001."},
        "epochs": {"type": "integer", "minimum": 1, "description": "Passes over the training rows; the default is 50."},
        "batch_size": {
            "type": "integer",
            "minimum": 2,
            "description": "Rows of one step; the last step must not be left with a single row. The default is 32.",
        },
        "dropout_rate": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "description": "Share of neurons left out in each step of training; the default is 0.2.",
        },
        "weight_decay": {"type": "number", "minimum": 0, "description": "Of the optimizer; the default is 0.00001."},
        "preprocessing": {
            "type": "boolean",
            "description": "Scale features to mean 0 and variance 1 first; the default is true.",
        },
        "alpha": {"type": "number", "description": "Weight of the reconstruction in training; the default is 1."},
        "sigma": {"type": "number", "description": "Scale of the random Fourier features; the default is 1."},
        "nu": {"type": "number", "description": "Accepted as PyOD accepts it, and ignores it."},
        "kernel_approx_features": {
            "type": "integer",
            "minimum": 1,
            "description": "How many random Fourier features; the default is 1000.",
        },
    },
)
