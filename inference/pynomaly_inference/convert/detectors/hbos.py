"""Histogram-based outlier score: Goldstein and Dengel, KI 2012."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.steps import Steps, step_sum


def convert(_graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The sum over the columns of -log2(density of the value's bin + alpha)."""
    # One array a column with `auto` bins, one column of a matrix else.
    edges = detector.bin_edges_ if isinstance(detector.n_bins, str) else np.asarray(detector.bin_edges_).T
    densities = detector.hist_ if isinstance(detector.n_bins, str) else np.asarray(detector.hist_).T
    steps = [_steps(*column, detector.alpha, detector.tol) for column in zip(edges, densities, strict=True)]
    return step_sum(x, steps)


def _steps(edges: NDArray[np.float64], densities: NDArray[np.float64], alpha: float, tol: float) -> Steps:
    """A value beyond the outer edges by at most `tol` bin widths is of the outer bin, farther out of the rarest."""
    scores = -np.log2(densities + alpha)
    rarest = scores.max()
    low = -_farthest(-edges[0], (edges[1] - edges[0]) * tol)
    high = _farthest(edges[-1], (edges[-1] - edges[-2]) * tol)
    return Steps(
        np.concatenate([[np.nextafter(low, -np.inf)], edges, [high]]),
        np.concatenate([[rarest, scores[0]], scores, [scores[-1], rarest]]),
    )


def _farthest(edge: float, reach: float) -> float:
    """The largest double x with x - edge <= reach as PyOD computes it, rounded: found by halving among the doubles.

    Near zero astronomically many doubles have one rounded distance from an edge.
    """
    inside, outside = _rank(edge), _rank(float(np.nextafter(edge + 2 * reach, np.inf)))
    while outside - inside > 1:
        middle = (inside + outside) // 2
        if _double(middle) - edge <= reach:
            inside = middle
        else:
            outside = middle
    return _double(inside)


def _rank(x: float) -> int:
    """Where a double is in the order of all doubles, zero being 0."""
    bits = int(np.float64(abs(x)).view(np.int64))
    return bits if x >= 0 else -bits


def _double(rank: int) -> float:
    size = float(np.int64(abs(rank)).view(np.float64))
    return size if rank >= 0 else -size


DECLARATION = Declaration(
    name="HBOS",
    path="pyod.models.hbos.HBOS",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: len(detector.bin_edges_) if isinstance(detector.n_bins, str) else detector.hist_.shape[1],
    contributions="Each feature's term of the score: the negative log2 density of its bin. They sum to the score.",
    parameters={
        "n_bins": {
            "anyOf": [{"type": "integer", "minimum": 3}, {"const": "auto"}],
            "description": "Bins a feature, or `auto` for as many as the Birge-Rozenblac method finds; default 10.",
        },
        "alpha": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "description": "Added to every density, so that an empty bin has a finite score; the default is 0.1.",
        },
        "tol": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "description": "Bin widths by which a value may miss the outer bin and be of it; the default is 0.5.",
        },
    },
)
