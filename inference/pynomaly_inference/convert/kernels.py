"""Kernels between rows and fixed points.

Squared distances are products of centred matrices where their rounding cannot reach a score, and else sums of squared
differences: |x|^2 - 2xy + |y|^2 loses what distances are small next to the points' spread.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.graph import Expr

Points = NDArray[np.float64]
"""[points, columns]."""
NEGLIGIBLE = 1e-12
"""An exponent may be off by so much: e ** exponent is then off by as much relative to itself."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of scikit-learn's `pairwise_kernels`, with all its parameters."""

    kind: str
    """linear, poly, rbf, sigmoid or cosine."""
    gamma: float
    degree: float
    coef0: float

    def write(self, x: Expr, points: Points) -> Expr:
        """The kernel of each row and each point: double [n, points]."""
        if self.kind == "rbf":
            return scaled_squared_distances(x, points, -self.gamma).exp()
        if self.kind == "cosine":
            lengths = np.sqrt((points**2).sum(axis=1, keepdims=True))
            return unit(x) @ (points / np.where(lengths == 0, 1.0, lengths)).T
        if self.kind == "linear":
            return x @ points.T
        return self._of_products(x @ (points.T * self.gamma) + self.coef0)

    def size(self, X: Points, points: Points) -> NDArray[np.float64]:
        """[rows, points]: the kernel's absolute value, and by how much more it magnifies a relative error of 1."""
        if self.kind == "rbf":
            exponents = self.gamma * exact_squared_distances(X, points)
            values: NDArray[np.float64] = np.exp(-exponents) * (1 + exponents)
            return values
        if self.kind == "cosine":
            return np.ones((len(X), len(points)))
        terms = np.abs(X) @ np.abs(points).T
        if self.kind == "linear":
            return terms
        terms = self.gamma * terms + abs(self.coef0)
        if self.kind == "sigmoid":
            values = np.tanh(self.gamma * (X @ points.T) + self.coef0)
            return np.abs(values) + (1 - values**2) * terms
        grown: NDArray[np.float64] = terms**self.degree
        return grown

    def with_itself(self, x: Expr) -> Expr | float:
        """The kernel of each row and itself: double [n], or the number that it always is."""
        if self.kind == "rbf":
            return 1.0
        if self.kind == "cosine":
            return unit(x).square().sum(axis=1)
        squares = x.square().sum(axis=1)
        return squares if self.kind == "linear" else self._of_products(squares * self.gamma + self.coef0)

    def _of_products(self, products: Expr) -> Expr:
        return products.tanh() if self.kind == "sigmoid" else power(products, self.degree)


def scaled_squared_distances(x: Expr, points: Points, factor: float) -> Expr:
    """Factor |x - y|^2, double [n, points]: off by `NEGLIGIBLE` near the points, by its own rounding far away."""
    if abs(factor) * product_error(points) > NEGLIGIBLE:
        return squared_differences(x, points) * factor
    graph, mean = x.graph, points.mean(axis=0)
    centred = points - mean
    squares = (centred**2).sum(axis=1, keepdims=True)
    weights = np.concatenate([centred * -2.0, np.ones_like(squares), squares], axis=1) * factor
    z = x - mean
    one = np.array([0, 0, 0, 1])
    return graph.op("Pad", graph.concat(z, z.square().sum(axis=1, keep=True), axis=1), one, 1.0) @ weights.T


def product_error(points: Points) -> float:
    """How far |x|^2 - 2xy + |y|^2 of centred points can be from a squared distance, x being one of them."""
    centred = points - points.mean(axis=0)
    return float(2 * (points.shape[1] + 4) * np.finfo(np.float64).eps * (centred**2).sum(axis=1).max())


def squared_differences(x: Expr, points: Points) -> Expr:
    """The sum over the columns of (x - y)^2, double [n, points]: one pass over the points a column."""
    total = (x.columns([0]) - points[:, 0]).square()
    for column in range(1, points.shape[1]):
        total = total + (x.columns([column]) - points[:, column]).square()
    return total


def exact_squared_distances(X: Points, points: Points) -> NDArray[np.float64]:
    """The same [rows, points] of arrays."""
    total = np.zeros((len(X), len(points)))
    for ours, theirs in zip(X.T, points.T, strict=True):
        total += np.subtract.outer(ours, theirs) ** 2
    return total


def power(base: Expr, exponent: float) -> Expr:
    """The base to an exponent; a whole one by products, which are faster than ONNX Runtime's `Pow`."""
    whole = int(exponent)
    if whole != exponent or whole < 1:
        return base**exponent
    bits = bin(whole)[3:]
    result = base
    for bit in bits:
        result = result.square() if bit == "0" else result.square() * base
    return result


def unit(x: Expr) -> Expr:
    """Each row divided by its length; a row of zeros as it is."""
    length = x.square().sum(axis=1, keep=True).sqrt()
    return x / x.graph.where(length.equals(0.0), 1.0, length)


def logsumexp(values: Expr, axis: int) -> Expr:
    """The logarithm of the sum of exponentials along an axis; -inf where all are."""
    largest = values.max(axis, keep=True)
    # -inf less -inf would be NaN.
    finite = values.graph.op("Max", largest, float(np.finfo(np.float64).min))
    sums = (values - finite).exp().sum(axis, keep=True).log() + finite
    return values.graph.op("Squeeze", sums, np.array([axis]))
