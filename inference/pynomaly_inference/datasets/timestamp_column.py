"""How the timestamp is read: into numbers that sort as the times do."""

from collections.abc import Sequence
from typing import NoReturn, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pynomaly_inference.datasets.batch import Batch, shown
from pynomaly_inference.datasets.dtypes import Cells, cells_of
from pynomaly_inference.errors import DataRejected

_ISO_8601 = (
    r"^(?<year>\d{4})-?(?<month>\d{2})-?(?<day>\d{2})"
    r"(?:[Tt ](?<hour>\d{2}):?(?<minute>\d{2})(?::?(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?"
    r"\s*(?:[Zz]|(?<sign>[+-])(?<zone_hour>\d{2}):?(?<zone_minute>\d{2})?)?)?$"
)
_MICROSECONDS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}


Times = NDArray[np.int64] | NDArray[np.float64]


class TimestampColumn:
    """Reads the timestamp, batch after batch.

    Dates, datetimes and ISO 8601 text become int64 microseconds since 1970 in UTC (a time without a zone is taken as
    UTC); numbers stay, int64 where they are integers, else float64. What is none of these, a missing timestamp, and
    numbers among dates raise DataRejected.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._cells: Cells | None = None

    def read(self, batch: Batch) -> Times:
        """The cells as numbers that sort, [rows]."""
        column = batch.column(self._name)
        cells = cells_of(column.dtype)
        if cells is Cells.TEXT:
            column = column.cast(pl.String).str.strip_chars().replace("", None)
        missing = column.is_null().arg_max() or 0 if column.null_count() else None
        if missing is not None:
            row = batch.place.row(missing)
            raise DataRejected(f"timestamp column {shown(self._name)} has no value in {row}: give every row one")
        if cells is Cells.TEXT:
            values, cells = self._from_text(column, batch)
        elif cells is Cells.NUMBERS:
            values = column.cast(pl.Int64 if column.dtype.is_integer() else pl.Float64, strict=False)
        elif isinstance(column.dtype, pl.Date | pl.Datetime):
            days = column.cast(pl.Datetime("us")) if column.dtype == pl.Date else column
            values, cells = days.dt.cast_time_unit("us").to_physical(), Cells.DATES
        else:
            raise DataRejected(f"timestamp column {shown(self._name)} holds {cells}: name one of dates or numbers")
        bad = values.is_null() | values.is_nan() | values.is_infinite()
        if bad.any():
            self._refuse(column, bad.arg_max() or 0, batch)
        if batch.rows and self._cells not in {None, cells}:
            self._refuse(column, 0, batch)
        self._cells = cells if batch.rows else self._cells
        times: Times = values.to_numpy()
        return times

    @staticmethod
    def joined(parts: Sequence[Times]) -> Times:
        """The batches' timestamps as one array: float64 where any is."""
        return cast("Times", np.concatenate(parts))

    def _from_text(self, column: pl.Series, batch: Batch) -> tuple[pl.Series, Cells]:
        """Numbers in a CSV, else times; null where the text is neither."""
        if batch.textual and self._cells is not Cells.DATES:
            for dtype in (pl.Int64, pl.Float64):
                values = column.cast(dtype, strict=False)
                if not values.null_count():
                    return values, Cells.NUMBERS
        return _microseconds(column), Cells.DATES

    def _refuse(self, column: pl.Series, index: int, batch: Batch) -> NoReturn:
        raise DataRejected(
            f"timestamp column {shown(self._name)} holds {shown(column[index])} in {batch.place.row(index)}: "
            "write every one as ISO 8601, such as `2026-01-31T12:00:00Z`, or every one as a number"
        )


def _microseconds(text: pl.Series) -> pl.Series:
    """ISO 8601 text as microseconds since 1970 in UTC, null where it is none."""
    parts = text.str.extract_groups(_ISO_8601).struct.unnest()
    number = {name: parts[name].cast(pl.Int64).fill_null(0) for name in (*_MICROSECONDS, "zone_hour", "zone_minute")}
    day = (parts["year"] + "-" + parts["month"] + "-" + parts["day"]).str.to_date("%Y-%m-%d", strict=False)
    fraction = parts["fraction"].fill_null("").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64)
    zone = number["zone_hour"] * _MICROSECONDS["hour"] + number["zone_minute"] * _MICROSECONDS["minute"]
    east = parts["sign"].replace_strict({"+": 1, "-": -1}, default=0, return_dtype=pl.Int64)
    time = sum((number[name] * size for name, size in _MICROSECONDS.items()), fraction)
    valid = (number["hour"] < 24) & (number["minute"] < 60) & (number["second"] < 60)  # noqa: PLR2004
    values = day.cast(pl.Datetime("us")).to_physical() + time - zone * east
    return pl.select(pl.when(valid).then(values)).to_series()
