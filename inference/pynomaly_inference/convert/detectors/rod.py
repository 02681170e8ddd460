"""Rotation-based outlier detection, with the training rows' statistics: `pynomaly_inference.rod`."""

from importlib import import_module
from typing import Any

import numpy as np
from onnx import TensorProto

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph

ANGLES_AT_ONCE = 2**16
"""One run of the graph has a dozen intermediates of [rows, subspaces], which must stay in the processor's cache."""
MOST_ROWS = 256


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The modified z-score of the row's cost in the only subspace, or the mean of its sigmoids over all."""
    if detector.n_features_in_ > 3:  # noqa: PLR2004 - a subspace
        x = (x - detector.data_scaler_.center_) / detector.data_scaler_.scale_
    elif detector.n_features_in_ < 3:  # noqa: PLR2004 - the same
        x = graph.op("Pad", x, np.array([0, 0, 0, 3 - detector.n_features_in_]), 0.0)
    differences = (_costs(graph, detector, x) - np.ravel(detector.median_)).abs()
    scores = differences * 0.6745 / detector.deviations_
    if detector.n_features_in_ <= 3:  # noqa: PLR2004 - the same
        return Conversion(scores.reshape(-1))
    # PyOD counts 0 / 0 as no deviation.
    scores = graph.where(scores.is_nan(), 0.0, scores)
    return Conversion(graph.op("Reciprocal", (-scores).exp() + 1.0).mean(axis=1))


def _costs(graph: Graph, detector: Any, x: Expr) -> Expr:
    """[n, subspaces]: length ** 3 * cos(angle) * sin(angle) ** 2, the angle to the geometric median scaled."""
    rod = import_module("pynomaly_inference.rod")  # loaded with the detector; declarations do without PyOD
    median: Matrix = np.reshape(detector.gm_, (-1, 3)).T
    columns = rod.subspaces(detector).T
    u, v, w = (x.columns(chosen.tolist()) - centre for chosen, centre in zip(columns, median, strict=True))
    along: Expr = u * median[0] + v * median[1] + w * median[2]
    across = (
        (v * median[2] - w * median[1]).square()
        + (w * median[0] - u * median[2]).square()
        + (u * median[1] - v * median[0]).square()
    ).sqrt()
    acute = _acute_angle(graph, along.abs(), across)
    (factor, offset), (obtuse_factor, obtuse_offset) = rod.angle_scaling(detector)
    angle = graph.where(along.below(0.0), (np.pi - acute) * obtuse_factor + obtuse_offset, acute * factor + offset)
    length: Expr = (u.square() + v.square() + w.square()).sqrt()
    return length.square() * length * graph.op("Cos", angle) * graph.op("Sin", angle).square()


def _acute_angle(graph: Graph, along: Expr, across: Expr) -> Expr:
    """The angle of the sides of a right triangle; a right one where both are 0.

    By the arc sine of the shorter side, which is well-conditioned: ONNX Runtime has it in float32, and one Newton step
    doubles its digits.
    """
    flat = across.below(along)
    hypotenuse = (along.square() + across.square()).sqrt()
    sine = graph.op("Min", along, across) / graph.where(hypotenuse > 0.0, hypotenuse, 1.0)
    rough = graph.op("Asin", sine.cast(TensorProto.FLOAT)).cast(TensorProto.DOUBLE)
    angle = rough - (graph.op("Sin", rough) - sine) / graph.op("Cos", rough)
    return graph.where(flat, angle, np.pi / 2 - angle)


def scores(detector: Any, X: Matrix) -> Scores:
    """By NumPy: see `rod.frozen_scores`."""
    frozen: Scores = import_module("pynomaly_inference.rod").frozen_scores(detector, X)
    return frozen


def _rows_at_once(detector: Any) -> int:
    subspaces = len(np.ravel(detector.median_))
    return max(1, min(MOST_ROWS, ANGLES_AT_ONCE // subspaces))


DECLARATION = Declaration(
    name="ROD",
    path="pynomaly_inference.rod.ROD",
    semantics=Semantics.FROZEN,
    convert=convert,
    columns=lambda detector: int(detector.n_features_in_),
    chunk=_rows_at_once,
    reference=ExactReference(
        "PyOD's formula with the training rows' median deviation: PyOD divides by that of the rows it is scoring, of "
        "which a row alone always has the same score",
        lambda _detector: True,
        scores,
    ),
    parameters={
        "parallel_execution": {
            "type": "boolean",
            "description": "Fit the subspaces in several processes; the scores do not depend on it.",
        },
    },
)
