"""Adversarially learned anomaly detection: Zenati et al., "ALAD", ICDM 2018, as PyOD scores it."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import double_reference, in_double
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.networks import EXTRA, activation, layers, network

CHOICES = ("relu", "sigmoid", "tanh")
"""Activations that PyOD's ALAD takes."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The squared difference of the discriminator's outputs for the row beside itself and beside its reconstruction.

    PyOD leaves dropout on while it scores.
    """
    z = (x - detector.scaler_.mean_) / detector.scaler_.scale_ if detector.preprocessing else x
    reconstructed = network(network(z, detector.enc), detector.dec)
    itself = network(graph.concat(z, z, axis=1), detector.disc_xx)
    return Conversion((itself - network(graph.concat(z, reconstructed, axis=1), detector.disc_xx)).square().reshape(-1))


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The squared differences, with the networks in double precision."""
    z = detector.scaler_.transform(X) if detector.preprocessing else X
    reconstructed = in_double(detector.dec, in_double(detector.enc, z))
    pairs = (np.concatenate([z, other], axis=1) for other in (z, reconstructed))
    itself, other = (in_double(detector.disc_xx, pair).ravel() for pair in pairs)
    return (itself - other) ** 2


DECLARATION = Declaration(
    name="ALAD",
    path="pyod.models.alad.ALAD",
    semantics=Semantics.FROZEN,
    draws=True,
    convert=convert,
    columns=lambda detector: int(detector.n_features_),
    reference=double_reference(scores_in_double),
    extra=EXTRA,
    fitting=frozenset({"device"}),
    parameters={
        "activation_hidden_gen": activation("Of the encoder's and decoder's layers; default `tanh`.", CHOICES),
        "activation_hidden_disc": activation("Of the discriminators' layers; the default is `tanh`.", CHOICES),
        "output_activation": activation("Of the encoder's and decoder's outputs; the default is none.", CHOICES),
        "dropout_rate": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "description": "Share of neurons left out in each step of training; the default is 0.2.",
        },
        "latent_dim": {"type": "integer", "minimum": 1, "description": "Latent dimensions; the default is 2."},
        "dec_layers": layers("Widths of the decoder's layers; the default is [5, 10, 25]."),
        "enc_layers": layers("Widths of the encoder's layers; the default is [25, 10, 5]."),
        "disc_xx_layers": layers("Widths of the layers of the discriminator that scores; default [25, 10, 5]."),
        "disc_zz_layers": layers("Widths of the latent discriminator's layers; the default is [25, 10, 5]."),
        "disc_xz_layers": layers("Widths of the joint discriminator's layers; the default is [25, 10, 5]."),
        "learning_rate_gen": {"type": "number", "exclusiveMinimum": 0, "description": "The default is 0.0001."},
        "learning_rate_disc": {"type": "number", "exclusiveMinimum": 0, "description": "The default is 0.0001."},
        "add_recon_loss": {"type": "boolean", "description": "Train on the reconstruction too; default false."},
        "lambda_recon_loss": {"type": "number", "description": "Weight of that; the default is 0.1."},
        "add_disc_zz_loss": {"type": "boolean", "description": "Train the latent discriminator; default true."},
        "spectral_normalization": {
            "type": "boolean",
            "description": "Bound the discriminators' layers by their singular values; the default is false.",
        },
        "epochs": {"type": "integer", "minimum": 1, "description": "Steps of training; the default is 200."},
        "batch_size": {"type": "integer", "minimum": 1, "description": "Rows of one step of training; default 32."},
        "preprocessing": {
            "type": "boolean",
            "description": "Scale features to mean 0 and variance 1 first; the default is false.",
        },
    },
)
