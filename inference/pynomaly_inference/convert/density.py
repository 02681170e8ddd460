"""Kernels of density estimates, of distances in bandwidths: scikit-learn's, as expressions and as NumPy."""

from collections.abc import Callable
from math import lgamma, log, pi

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.graph import Expr

UNBOUNDED = ("gaussian", "exponential")
"""The kernels that are nowhere zero."""


def log_unbounded(distances: Expr, kernel: str) -> Expr:
    """The logarithm of a kernel that is nowhere zero."""
    return distances.square() * -0.5 if kernel == "gaussian" else -distances


def bounded(distances: Expr, kernel: str) -> Expr:
    """A kernel that is zero from 1 on."""
    values = {
        "tophat": lambda: distances.graph.constant(1.0),
        "epanechnikov": lambda: -distances.square() + 1.0,
        "linear": lambda: -distances + 1.0,
        "cosine": lambda: distances.graph.op("Cos", distances * (pi / 2)),
    }[kernel]()
    return distances.graph.where(distances.below(1.0), values, 0.0)


def log_norm(kernel: str, columns: int, bandwidth: float) -> float:
    """The logarithm of what makes the kernel's integral over the space 1, the metric being Euclidean."""
    ball = columns / 2 * log(pi) - lgamma(columns / 2 + 1)
    integrals = {
        "gaussian": lambda: columns / 2 * log(2 * pi),
        "tophat": lambda: ball,
        "epanechnikov": lambda: ball + log(2 / (columns + 2)),
        "exponential": lambda: log(columns) + ball + lgamma(columns),
        "linear": lambda: ball - log(columns + 1),
        "cosine": lambda: log(columns) + ball + float(np.log(_cosine_integral(columns))),
    }
    return -integrals[kernel]() - columns * log(bandwidth)


def _cosine_integral(columns: int) -> float:
    """Of r ** (columns - 1) cos(pi r / 2) from 0 to 1, by parts as scikit-learn adds it up."""
    total, term = 0.0, 2 / pi
    for k in range(1, columns + 1, 2):
        total += term
        term *= -(columns - k) * (columns - k - 1) * (2 / pi) ** 2
    return total


def log_sums(kernel: str, h: float, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n], of distances [n, points]: the logarithm of the sum over all points, the largest term taken out; by NumPy."""
    with np.errstate(divide="ignore", invalid="ignore"):
        exponents: dict[str, Callable[[], NDArray[np.float64]]] = {
            "gaussian": lambda: -0.5 * distances**2 / h**2,
            "exponential": lambda: -distances / h,
            "tophat": lambda: np.zeros_like(distances),
            "epanechnikov": lambda: np.log(1 - distances**2 / h**2),
            "linear": lambda: np.log(1 - distances / h),
            "cosine": lambda: np.log(np.cos(0.5 * pi * distances / h)),
        }
        logs = exponents[kernel]()
        if kernel not in UNBOUNDED:
            logs = np.where(distances < h, logs, -np.inf)
        sums: NDArray[np.float64] = np.logaddexp.reduce(logs, axis=1)
    return sums
