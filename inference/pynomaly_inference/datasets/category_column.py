"""How the cells of a Category are read: the same for training and for scoring."""

import polars as pl

from pynomaly_inference.datasets.batch import Batch, shown
from pynomaly_inference.datasets.dtypes import Cells, cells_of
from pynomaly_inference.errors import DataRejected
from pynomaly_inference.features import MISSING_CATEGORY, category_text


def read_category(name: str, batch: Batch) -> pl.Series:
    """The cells as text by `features.category_text`, String without nulls.

    NaN counts as null. Dates, bytes and nested values raise DataRejected.
    """
    column = batch.column(name)
    cells = cells_of(column.dtype)
    if cells not in {Cells.TEXT, Cells.NUMBERS, Cells.BOOLEANS, Cells.NOTHING}:
        row = batch.place.row(column.is_not_null().arg_max() or 0)
        raise DataRejected(f"column {shown(name)} holds {cells} ({row}): a Category takes text, numbers and booleans")
    if cells is Cells.NUMBERS and not column.dtype.is_integer():
        column = _float_text(column.cast(pl.Float64))
    return column.cast(pl.String).fill_null(MISSING_CATEGORY)


def _float_text(column: pl.Series) -> pl.Series:
    """Each distinct number is written once."""
    column = column.fill_nan(None)
    numbers = column.drop_nulls().unique()
    texts = pl.Series([category_text(number) for number in numbers.to_list()], dtype=pl.String)
    return column.replace_strict(numbers, texts, default=None, return_dtype=pl.String)
