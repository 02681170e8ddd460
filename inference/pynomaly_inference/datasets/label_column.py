"""How the label is read: 1 is an anomaly, 0 is none."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pynomaly_inference.datasets.batch import Batch, shown
from pynomaly_inference.datasets.dtypes import Cells, cells_of
from pynomaly_inference.errors import DataRejected

_RULE = "a label is 0 or 1, or false or true"


def read_label(name: str, batch: Batch) -> NDArray[np.int64]:
    """The cells as 0 and 1, int64 [rows]; 0, 1, true and false may be numbers, booleans or text.

    Everything else, a missing label too, raises DataRejected.
    """
    column = batch.column(name)
    cells = cells_of(column.dtype)
    if cells is Cells.TEXT:
        text = column.cast(pl.String).str.strip_chars().str.to_lowercase().replace({"true": "1", "false": "0"})
        values = text.cast(pl.Float64, strict=False)
    elif cells in {Cells.NUMBERS, Cells.BOOLEANS, Cells.NOTHING}:
        values = column.cast(pl.Float64)
    else:
        raise DataRejected(f"label column {shown(name)} holds {cells}: {_RULE}")
    wrong = ~values.is_in([0.0, 1.0]).fill_null(value=False)
    if wrong.any():
        index = wrong.arg_max() or 0
        cell, row = column[index], batch.place.row(index)
        if cell is None or cell == "":
            raise DataRejected(f"label column {shown(name)} has no value in {row}: {_RULE}")
        raise DataRejected(f"label column {shown(name)} holds {shown(cell)} in {row}: {_RULE}")
    return values.cast(pl.Int64).to_numpy()
