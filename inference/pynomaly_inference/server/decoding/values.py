"""Values of a decoded document to the columns that the graph takes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.features import FeatureType, category_text
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_NUMERIC = frozenset({int, float, bool})
_SCALAR = frozenset({str, int, float, bool, type(None)})
_SHOWN = 40
"""Characters of a user's value that a message repeats."""
_FEW = 64
"""Up to so many numbers are looked at one by one in less time than numpy takes to start."""


def rows_of_columns(columns: Sequence[Sequence[Any]], schema: RowSchema) -> Rows:
    """Rows from one sequence of JSON values for each feature, in the resource's order; all of one length, not 0."""
    count = len(columns[0])
    numbers = np.empty((count, schema.numbers))
    categories = np.empty((count, schema.categories), object) if schema.categories else None
    for column, values in zip(schema.columns, columns, strict=True):
        if column.type is FeatureType.NUMBER:
            numbers[:, column.position] = number_column(values, column.name, missing=schema.missing)
        elif categories is not None:
            categories[:, column.position] = category_column(values, column.name)
    return Rows(numbers, categories)


def number_column(values: Sequence[Any], feature: str, *, missing: bool) -> NDArray[np.float64]:
    """One Number feature as float64; null is NaN where values may be missing, and booleans count as 0 and 1."""
    if _NUMERIC.issuperset(map(type, values)):
        try:
            column = np.array(values, np.float64)
        except OverflowError:  # an integer beyond float64; found below
            pass
        else:
            if np.isfinite(column).all():
                return column
    return np.array([_number(value, row, feature, missing) for row, value in enumerate(values, start=1)], np.float64)


def _number(value: Any, row: int, feature: str, missing: bool) -> float:
    if value is None:
        if missing:
            return math.nan
        raise missing_number(row, feature)
    if type(value) not in _NUMERIC:
        raise Rejected(422, f"row {row}: `{feature}` is {shown(value)}; it takes a number", row=row, feature=feature)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise infinite_number(row, feature)
    return number


def category_column(values: Sequence[Any], feature: str) -> list[str]:
    """One Category feature as the texts under which the model knows its levels."""
    if not _SCALAR.issuperset(map(type, values)):
        row, value = next((row, value) for row, value in enumerate(values, start=1) if type(value) not in _SCALAR)
        raise Rejected(
            422, f"row {row}: `{feature}` is {shown(value)}; it takes text, a number or null", row=row, feature=feature
        )
    return [category_text(value) for value in values]


def missing_number(row: int, feature: str) -> Rejected:
    """A Number that is missing, for a model that was trained without missing values."""
    return Rejected(
        422,
        f"row {row}: `{feature}` is missing, and this model takes no missing values: "
        "send a number, or train with `preprocessing: {impute: Median}`",
        row=row,
        feature=feature,
    )


def infinite_number(row: int, feature: str) -> Rejected:
    """A Number beyond what a float64 holds."""
    return Rejected(422, f"row {row}: `{feature}` is infinite; it takes a finite number", row=row, feature=feature)


def shown(value: Any) -> str:
    """A JSON value in a message: what it is, and what it says."""
    if isinstance(value, str):
        return f"the text '{value[:_SHOWN]}{'…' if len(value) > _SHOWN else ''}'"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    if value is None:
        return "null"
    return f"{value!r:.{_SHOWN}}".lower()


def check_numbers(numbers: NDArray[np.float64], schema: RowSchema) -> None:
    """Raises Rejected when a number that arrived in binary is infinite, or missing where it may not be."""
    if numbers.size <= _FEW and all(map(math.isfinite, numbers.ravel().tolist())):
        return
    finite = np.isfinite(numbers)
    if np.logical_and.reduce(finite, axis=None):
        return
    bad = np.isinf(numbers) if schema.missing else ~finite
    if not bad.any():
        return
    row, column = (int(index[0]) for index in np.nonzero(bad))
    feature = schema.named_numbers()[column]
    raise (missing_number if np.isnan(numbers[row, column]) else infinite_number)(row + 1, feature)
