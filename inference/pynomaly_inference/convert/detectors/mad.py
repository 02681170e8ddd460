"""Median absolute deviation: Iglewicz and Hoaglin, "How to detect and handle outliers", 1993."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """0.6745 |x - median| / median deviation.

    PyOD makes NaN zero, which is 0 / 0 where at least half the training values are equal, and infinity, which is any
    other distance there, the largest double.
    """
    difference = (x - float(detector.median_)).abs().reshape(-1)
    score = difference * 0.6745 / float(detector.median_diff_)
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
