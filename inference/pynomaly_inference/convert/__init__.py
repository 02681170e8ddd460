"""Fitted PyOD detectors as ONNX graphs, proven against PyOD.

    model = to_onnx(KNN().fit(X))

A detector is one file in `detectors/`: its declaration and the expressions of its score.
"""

from collections.abc import Sequence
from typing import Any

import onnx

from pynomaly_inference.convert.discovery import declaration_of, declarations
from pynomaly_inference.convert.finish import attach, score_scale, whole_graph
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.convert.reference import Reference, reference_of, reference_scores
from pynomaly_inference.errors import NotConvertible

__all__ = [
    "Reference",
    "attach",
    "declaration_of",
    "declarations",
    "reference_of",
    "reference_scores",
    "score_scale",
    "to_onnx",
]


def to_onnx(
    detector: Any, feature_names: Sequence[str] | None = None, preprocessing: Preprocessing | None = None
) -> onnx.ModelProto:
    """The ONNX model of a fitted PyOD detector: scores, labels, probabilities, contributions.

    Without `preprocessing` every column is a Number, called as `feature_names` says or x0, x1, ... The outputs are
    those of `finish.whole_graph`. Raises NotConvertible when there is no graph that says what this detector says, or
    names and preprocessing are not of the columns that it was fitted on.
    """
    declaration = declaration_of(detector)
    columns = declaration.columns(detector)
    if preprocessing is None:
        preprocessing = Preprocessing.none(feature_names or [f"x{column}" for column in range(columns)])
    elif feature_names is not None:
        raise NotConvertible("give `feature_names` or `preprocessing`: preprocessing names the features itself")
    given = len(preprocessing.column_features())
    if given != columns:
        raise NotConvertible(f"the {declaration.name} was fitted on {columns} columns, not on {given}")
    return whole_graph(detector, declaration, preprocessing)
