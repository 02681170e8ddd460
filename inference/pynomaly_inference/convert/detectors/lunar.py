"""Local outliers by a graph neural network: Goodge et al., "LUNAR", AAAI 2022."""

from typing import Any

import numpy as np
from onnx import TensorProto

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.double_precision import double_reference, in_double
from pynomaly_inference.convert.exact_neighbours import first_nearest, points, searched_metric, training_rows
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS
from pynomaly_inference.convert.neighbours import nearest, rows_at_once
from pynomaly_inference.convert.networks import EXTRA, IN_DOUBLE, network
from pynomaly_inference.convert.refused import metric_schema


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """What the network makes of the distances to the k nearest rows, training rows and sampled negatives.

    `SCORE`: the network's output. `WEIGHT`: the distances' mean, weighted by the network, normalised.
    """
    search, count = detector.neigh, detector.n_neighbours
    metric = searched_metric(search)
    distances = metric.root(nearest(_scaled(x, detector.scaler_), points(search, count), count, metric).measures)
    output = network(distances, detector.network.network)
    if detector.model_type == "SCORE":
        return Conversion(output.reshape(-1))
    weighted = (graph.op("Softmax", output, axis=1) * distances).sum(axis=1, keep=True)
    return Conversion(network(weighted, detector.network.final_norm).reshape(-1))


def _scaled(x: Expr, scaler: Any) -> Expr:
    """In single precision, step by step as PyOD scales: so a training row is at distance 0 from itself."""
    z = x.cast(TensorProto.FLOAT)
    if scaler is not None:
        z = z * scaler.scale_.astype(np.float32) + scaler.min_.astype(np.float32)
    return z.cast(TensorProto.DOUBLE)


def scores_in_double(detector: Any, X: Matrix) -> Scores:
    """The network's answer to exact distances, in double precision."""
    z = X.astype(np.float32) if detector.scaler_ is None else detector.scaler_.transform(X.astype(np.float32))
    found = first_nearest(detector.neigh, z.astype(np.float64), detector.n_neighbours)
    return in_double(detector.network, found.distances).ravel()


DECLARATION = Declaration(
    name="LUNAR",
    path="pyod.models.lunar.LUNAR",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.neigh.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(len(training_rows(detector.neigh))),
    reference=double_reference(
        scores_in_double, f"{IN_DOUBLE}, of exact distances, where PyOD's are products of matrices (above 15 features)"
    ),
    extra=EXTRA,
    parameters={
        "model_type": {
            "enum": ["WEIGHT", "SCORE"],
            "description": "Let the network weigh the distances, or score them; the default is `WEIGHT`.",
        },
        "n_neighbours": {"type": "integer", "minimum": 1, "description": "How many neighbours; the default is 5."},
        "negative_sampling": {
            "enum": ["UNIFORM", "SUBSPACE", "MIXED"],
            "description": "How rows that stand for anomalies are sampled; the default is `MIXED`.",
        },
        "val_size": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "description": "Share of the rows that choose among the epochs; the default is 0.1.",
        },
        "scaler": {"const": False, "description": "`false`: do not scale; the default scales features to [0, 1]."},
        "epsilon": {"type": "number", "minimum": 0, "description": "Size of the sampled noise; the default is 0.1."},
        "proportion": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Sampled rows as a share of the training rows; the default is 1.",
        },
        "n_epochs": {"type": "integer", "minimum": 1, "description": "Passes over the training rows; default 200."},
        "lr": {"type": "number", "exclusiveMinimum": 0, "description": "Learning rate; the default is 0.001."},
        "wd": {"type": "number", "minimum": 0, "description": "Weight decay; the default is 0.1."},
        "metric": metric_schema([*METRICS, *BRUTE_METRICS], "The distance; the default is `minkowski` of power `p`."),
        "p": {"type": "number", "minimum": 1, "description": "Power of the Minkowski distance; the default is 2."},
        "algorithm": {
            "enum": ["auto", "ball_tree", "brute"],
            "description": "How PyOD searches; the scores do not depend on it.",
        },
        "leaf_size": {"type": "integer", "minimum": 1, "description": "Of PyOD's search tree; as `algorithm`."},
        "n_jobs": {"type": "integer", "description": "Processes that search while training; as `algorithm`."},
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
