"""Fitted PyOD detectors as ONNX graphs, proven against PyOD.

    model = to_onnx(KNN().fit(X), feature_names=["pressure", "flow"], training_rows=X)
    onnx.save(model, "knn.onnx")

Every model that `to_onnx` returns was run and compared with PyOD: on rows around those of the training where it is
given them, else on made ones. To compare it on rows of your own:

    from pynomaly_inference.convert.verify import verify
    verify(model, reference_of(detector, Preprocessing.none(names)), {"mine": Rows(numbers)})

A detector is one file in `detectors/`: its declaration and the expressions of its score.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx

from pynomaly_inference.convert.cases import SEED, cases, made_cases
from pynomaly_inference.convert.declaration import Matrix
from pynomaly_inference.convert.discovery import declaration_of, declarations
from pynomaly_inference.convert.finish import attach, score_scale, whole_graph, with_properties
from pynomaly_inference.convert.preprocessing import Preprocessing, column_names
from pynomaly_inference.convert.reference import Reference, reference_of, reference_scores
from pynomaly_inference.convert.verify import verify
from pynomaly_inference.errors import NotConvertible
from pynomaly_inference.scoring.rows import Rows

__all__ = [
    "Preprocessing",
    "Reference",
    "Rows",
    "attach",
    "declaration_of",
    "declarations",
    "graph_of",
    "reference_of",
    "reference_scores",
    "score_scale",
    "to_onnx",
]


def to_onnx(
    detector: Any,
    feature_names: Iterable[str] | None = None,
    preprocessing: Preprocessing | None = None,
    *,
    training_rows: Matrix | Rows | None = None,
) -> onnx.ModelProto:
    """The proven ONNX model of a fitted PyOD detector: scores, labels, probabilities, contributions.

    Without `preprocessing` every column is a Number, called as `feature_names` says or x0, x1, ... The outputs are
    those of `finish.whole_graph`; the model's properties are those of `finish.with_properties`: one of them, `chunk`,
    is how many rows a run should have at most.

    `training_rows`, before preprocessing, make it compare what `cases.cases` draws from them; without them PyOD has
    no rows left to draw from, and it compares those of `cases.made_cases`: far from the training rows of some data.

    Raises NotConvertible when there is no graph that says what this detector says, or names, rows and preprocessing
    are not of the columns that it was fitted on; ParityFailed when the graph does not score as its reference.
    """
    if preprocessing is None:
        preprocessing = Preprocessing.none(column_names(feature_names, _fitted_columns(detector)))
    elif feature_names is not None:
        raise NotConvertible("give `feature_names` or `preprocessing`: preprocessing names the features itself")
    model = graph_of(detector, preprocessing)
    reference = reference_of(detector, preprocessing)
    if training_rows is None:
        compared = made_cases(preprocessing)
    else:
        rows = _rows(training_rows, preprocessing)
        compared = cases(reference, preprocessing, rows, rows[:0], SEED)
    verify(model, reference, compared)
    return with_properties(model, detector, preprocessing)


def graph_of(detector: Any, preprocessing: Preprocessing) -> onnx.ModelProto:
    """The same model without a proof, for callers that have better rows to prove it on.

    Raises NotConvertible as `to_onnx` does.
    """
    declaration = declaration_of(detector)
    columns, given = declaration.columns(detector), len(preprocessing.column_features())
    if given != columns:
        raise NotConvertible(f"the {declaration.name} was fitted on {columns} columns, not on {given}")
    return whole_graph(detector, declaration, preprocessing)


def _fitted_columns(detector: Any) -> int:
    if isinstance(detector, str):
        raise NotConvertible(f"`{detector}` is a name: give a fitted detector")
    return declaration_of(detector).columns(detector)


def _rows(given: Matrix | Rows, preprocessing: Preprocessing) -> Rows:
    if isinstance(given, Rows):
        return given
    numbers = np.asarray(given, np.float64)
    features = len(preprocessing.features)
    if numbers.ndim != 2 or not len(numbers) or numbers.shape[1] != features:  # noqa: PLR2004 - a matrix has two axes
        raise NotConvertible(f"`training_rows` are rows of {features} numbers, not an array of shape {numbers.shape}")
    return Rows(np.ascontiguousarray(numbers))
