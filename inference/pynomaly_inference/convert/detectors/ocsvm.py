"""One-class support vector machine: Schoelkopf et al., Neural Computation 2001."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, Matrix, Rounding, Scores
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.kernels import Kernel
from pynomaly_inference.convert.neighbours import rows_at_once


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """-(sum over the support vectors of coefficient * kernel + intercept)."""
    machine = detector.detector_
    vectors, coefficients = machine.support_vectors_, machine.dual_coef_.T
    if machine.kernel == "linear":
        sums = x @ (vectors.T @ coefficients)
    else:
        sums = _kernel(machine).write(x, vectors) @ coefficients
    return Conversion(-float(machine.intercept_[0]) - sums.reshape(-1))


def _kernel(machine: Any) -> Kernel:
    # What `gamma` came to is published nowhere else.
    return Kernel(machine.kernel, float(machine._gamma), machine.degree, machine.coef0)  # noqa: SLF001 - published nowhere else


def _size(detector: Any, X: Matrix) -> Scores:
    machine = detector.detector_
    sums: Scores = _kernel(machine).size(X, machine.support_vectors_) @ np.abs(machine.dual_coef_[0])
    return sums + abs(float(machine.intercept_[0]))


DECLARATION = Declaration(
    name="OCSVM",
    path="pyod.models.ocsvm.OCSVM",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.detector_.n_features_in_),
    keeps_training_rows=True,
    chunk=lambda detector: None if detector.kernel == "linear" else rows_at_once(len(detector.support_vectors_)),
    rounding=Rounding(
        _size,
        "the support vectors' kernel values times their coefficients, which cancel with a linear kernel on centered "
        "rows",
        lambda detector: np.asarray(detector.support_vectors_),
    ),
    parameters={
        "kernel": {"enum": ["rbf", "linear", "poly", "sigmoid"], "description": "The kernel; the default is `rbf`."},
        "gamma": {
            "anyOf": [{"enum": ["scale", "auto"]}, {"type": "number", "minimum": 0}],
            "description": "Of the kernels rbf, poly and sigmoid: 1 / features with `auto`, the default, and that by "
            "the variance with `scale`.",
        },
        "degree": {"type": "integer", "minimum": 0, "description": "Of the kernel poly; the default is 3."},
        "coef0": {"type": "number", "description": "The constant in poly and sigmoid; the default is 0."},
        "nu": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "Least share of the rows that are support vectors; the default is 0.5.",
        },
        "tol": {"type": "number", "exclusiveMinimum": 0, "description": "Where training stops; the default is 0.001."},
        "shrinking": {"type": "boolean", "description": "A heuristic that speeds training up; the default is true."},
        "cache_size": {"type": "number", "exclusiveMinimum": 0, "description": "MB of cache while training."},
        "max_iter": {"type": "integer", "minimum": -1, "description": "Steps of training at most; -1, any number."},
    },
)
