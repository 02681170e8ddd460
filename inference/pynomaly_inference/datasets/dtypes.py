"""What the cells of a column are, as far as this project tells values apart."""

from enum import StrEnum

import polars as pl


class Cells(StrEnum):
    """Each word reads well after "holds"."""

    NUMBERS = "numbers"
    BOOLEANS = "booleans"
    TEXT = "text"
    DATES = "dates"
    DURATIONS = "durations"
    LISTS = "lists"
    BYTES = "bytes"
    NOTHING = "nothing"


def cells_of(dtype: pl.DataType) -> Cells:
    """What a column of this polars type holds; nested values of any shape are `LISTS`."""
    if dtype.is_numeric():
        return Cells.NUMBERS
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return Cells.TEXT
    named = {pl.Boolean: Cells.BOOLEANS, pl.Null: Cells.NOTHING, pl.Binary: Cells.BYTES, pl.Duration: Cells.DURATIONS}
    found = named.get(type(dtype))
    if found is not None:
        return found
    return Cells.DATES if dtype.is_temporal() else Cells.LISTS
