"""Generative adversarial network: Schlegl et al., "AnoGAN", IPMI 2017, as PyOD scores it."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import double_reference, in_double
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.networks import EXTRA, activation, layers, network


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean distance to the generated row, plus the distance of their discriminator's outputs.

    PyOD searches the latent space for the nearest generated row only while fitting; when it scores, the generated row
    is the same for all. ONNX Runtime computes it once, at load.
    """
    z = (x - detector.scaler_.mean_) / detector.scaler_.scale_ if detector.preprocessing else x
    latent = network(graph.constant(np.zeros((1, detector.latent_dim_G))), detector.query_model.z_gamma_layer)
    generated = network(latent, detector.generator.model)
    outputs = network(z, detector.discriminator.model) - network(generated, detector.discriminator.model)
    return Conversion((z - generated).abs().mean(axis=1) + outputs.abs().reshape(-1))


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The distances, with the networks in double precision."""
    z = detector.scaler_.transform(X) if detector.preprocessing else X
    latent = in_double(detector.query_model.z_gamma_layer, np.zeros((1, detector.latent_dim_G)))
    generated = in_double(detector.generator, latent)
    outputs = in_double(detector.discriminator, z) - in_double(detector.discriminator, generated)
    scores: Scores = np.abs(z - generated).mean(axis=1) + np.abs(outputs).ravel()
    return scores


DECLARATION = Declaration(
    name="AnoGAN",
    path="pyod.models.anogan.AnoGAN",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.n_features_),
    reference=double_reference(scores_in_double),
    extra=EXTRA,
    fitting=frozenset({"device"}),
    parameters={
        "activation_hidden": activation("Activation of the hidden layers; the default is `tanh`."),
        "output_activation": activation("Activation of the generator's output; the default is none."),
        "dropout_rate": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "description": "Share of neurons left out in each step of training; the default is 0.2.",
        },
        "latent_dim_G": {"type": "integer", "minimum": 1, "description": "Latent dimensions; the default is 2."},
        "G_layers": layers("Widths of the generator's layers; the default is [20, 10, 3, 10, 20]."),
        "D_layers": layers("Widths of the discriminator's layers; the default is [20, 10, 5]."),
        "index_D_layer_for_recon_error": {
            "type": "integer",
            "description": "Accepted as PyOD accepts it, and ignores it.",
        },
        "epochs": {"type": "integer", "minimum": 1, "description": "Passes over the training rows; default 500."},
        "epochs_query": {
            "type": "integer",
            "minimum": 1,
            "description": "Steps of the search in the latent space for each training row; the default is 20.",
        },
        "learning_rate": {"type": "number", "exclusiveMinimum": 0, "description": "The default is 0.001."},
        "learning_rate_query": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Learning rate of the search in the latent space; the default is 0.01.",
        },
        "batch_size": {"type": "integer", "minimum": 1, "description": "Rows of one step of training; default 32."},
        "preprocessing": {
            "type": "boolean",
            "description": "Scale features to mean 0 and variance 1 first; the default is false.",
        },
    },
)
