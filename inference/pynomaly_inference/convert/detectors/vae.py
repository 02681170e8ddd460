"""Variational autoencoder: Kingma and Welling, "Auto-Encoding Variational Bayes", 2013; beta: Burgess et al. 2018."""

from typing import Any

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.detectors.autoencoder import TINY, TRAINING, standardized
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
    """The distance between the standardised row and the reconstruction of its latent mean.

    PyOD draws the latent variable anew at every call.
    """
    z = (x - detector.X_mean) / (detector.X_std + TINY) if detector.preprocessing else x
    mean = network(network(z, detector.model.encoder), detector.model.encoder_mu)
    return reconstruction_error(z, network(mean, detector.model.decoder))


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The distances, with the reconstruction in double precision."""
    z, model = standardized(detector, X), detector.model
    mean = in_double(model.encoder_mu, in_double(model.encoder, z))
    return distances(z, in_double(model.decoder, mean))


DECLARATION = Declaration(
    name="VAE",
    path="pyod.models.vae.VAE",
    semantics=Semantics.FROZEN,
    draws=True,
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
        "beta": {"type": "number", "minimum": 0, "description": "Weight of the divergence; the default is 1."},
        "capacity": {"type": "number", "minimum": 0, "description": "Largest divergence that counts; default 0."},
        "encoder_neuron_list": layers("Widths of the encoder's layers; the default is [128, 64, 32]."),
        "decoder_neuron_list": layers("Widths of the decoder's layers; the default is [32, 64, 128]."),
        "latent_dim": {"type": "integer", "minimum": 1, "description": "Latent dimensions; the default is 2."},
        "hidden_activation_name": activation("Activation of the hidden layers; the default is `relu`."),
        "output_activation_name": activation("Activation of the reconstruction; the default is `identity`."),
        "batch_norm": {"type": "boolean", "description": "Normalise batches in each layer; the default is false."},
        "logvar_clip": {
            "anyOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                {"type": "null"},
            ],
            "description": "Bounds of the latent log-variance while training; the default is [-30, 20].",
        },
    },
)
