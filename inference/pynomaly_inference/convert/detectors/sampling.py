"""Distance to a sample of the training rows: Sugiyama and Borgwardt, NIPS 2013."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import METRICS, metric_of
from pynomaly_inference.convert.neighbours import CACHED, rows_at_once
from pynomaly_inference.convert.products import nearest_measure
from pynomaly_inference.convert.refused import metric_schema


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The distance to the nearest row of the sample."""
    sample = np.asarray(detector.subset, np.float64)
    metric = metric_of(detector.metric, 2.0, sample.shape[1])
    return Conversion(metric.root(nearest_measure(x, sample, metric)))


DECLARATION = Declaration(
    name="Sampling",
    path="pyod.models.sampling.Sampling",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.subset.shape[1]),
    keeps_training_rows=True,
    # No neighbours are ranked: a run may take as many rows as its intermediates stay in the cache for.
    chunk=lambda detector: max(rows_at_once(len(detector.subset)), CACHED // len(detector.subset)),
    parameters={
        "subset_size": {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            ],
            "description": "Rows of the sample, or their share of the training rows; PyOD's default is 20.",
        },
        "metric": metric_schema(METRICS, "The distance; the default is `minkowski`, of power 2."),
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
