"""Median absolute deviation: Iglewicz and Hoaglin, "How to detect and handle outliers", 1993."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph

TINY = float(np.finfo(np.float64).tiny)


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """0.6745 |x - median| / median deviation.

    PyOD makes NaN zero, which is 0 / 0 where at least half the training values are equal, and infinity, which is any
    other distance there, the largest double.
    """
    difference, deviation = (x.reshape(-1) - float(detector.median_)).abs(), float(detector.median_diff_)
    # One multiplication is faster; below the least of these its factor would be infinite.
    score = difference * (0.6745 / deviation) if deviation > TINY else difference * 0.6745 / deviation
    return Conversion(graph.where(score.is_nan(), 0.0, score.clip(0.0, float(np.finfo(np.float64).max))))


DECLARATION = Declaration(
    name="MAD",
    path="pyod.models.mad.MAD",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda _detector: 1,
    only_columns=1,
    parameters={
        "threshold": {
            "type": "number",
            "description": "Scores above it are anomalies, whatever the contamination; the default is 3.5.",
        },
    },
)
