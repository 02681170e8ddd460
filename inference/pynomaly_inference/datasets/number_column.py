"""How the cells of a Number are read: the same for training and for scoring."""

import re
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pynomaly_inference.datasets import ndjson_reader
from pynomaly_inference.datasets.batch import Batch, shown
from pynomaly_inference.datasets.dtypes import Cells, cells_of
from pynomaly_inference.errors import DataRejected

LARGEST_EXACT = 2**53
_DATE = re.compile(r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{4}/\d{1,2}/\d{1,2})(?!\d)")
_MEANT_MISSING = frozenset({"na", "n/a", "<na>", "null", "none", "nil", "-", "--", "?"})


@dataclass(frozen=True, slots=True)
class Advice:
    """What a user must change when a Number's cells are none, by what they are."""

    text: str
    dates: str
    other: str


TRAINING = Advice(
    text="declare `type: Category`",
    dates="name it in `training.source.timestamp` or leave it out of `features`",
    other="leave it out of `features`",
)
SCORING = Advice(*["the model takes numbers there"] * 3)


class NumberColumn:
    """Reads one Number, batch after batch.

    Numbers stay, booleans count as 0 and 1 (in CSV where the whole column is `true` and `false`); NaN, null and empty
    cells are NaN. Text, dates, nested values, infinities, and a mix of numbers and booleans raise DataRejected.
    """

    def __init__(self, name: str, advice: Advice) -> None:
        self._name = name
        self._advice = advice
        self._cells: Cells | None = None
        self.inexact = False
        """True when an integer beyond 2**53 was read: float64 may not hold it exactly."""

    def read(self, batch: Batch) -> NDArray[np.float64]:
        """The cells as float64 [rows], NaN where a value is missing."""
        column = batch.column(self._name)
        cells = cells_of(column.dtype)
        if cells is Cells.NOTHING:
            return np.full(batch.rows, np.nan)
        if cells is Cells.TEXT and batch.textual:
            values = self._from_text(column, batch)
        elif cells in {Cells.NUMBERS, Cells.BOOLEANS}:
            values = self._typed(column, cells, batch)
        else:
            self._refuse(column, cells, batch)
        numbers = values.fill_null(np.nan).to_numpy()
        infinite = np.flatnonzero(np.isinf(numbers))
        if len(infinite):
            row = batch.place.row(int(infinite[0]))
            raise DataRejected(f"column {shown(self._name)} is infinite in {row}: remove the row or the value")
        return numbers

    def _typed(self, column: pl.Series, cells: Cells, batch: Batch) -> pl.Series:
        self._settle({cells: column.is_not_null()}, column, batch)
        if column.dtype.is_integer():
            self._note_inexact(column)
        return column.cast(pl.Float64)

    def _from_text(self, column: pl.Series, batch: Batch) -> pl.Series:
        values = column.cast(pl.Float64, strict=False)
        if values.null_count() > column.null_count():
            column = column.str.strip_chars().replace("", None)
            values = column.cast(pl.Float64, strict=False)
        numbers = values.is_not_null()
        if values.null_count() == column.null_count():
            self._settle({Cells.NUMBERS: numbers}, column, batch)
            self._note_inexact(column.filter(values.abs() >= LARGEST_EXACT).cast(pl.Int128, strict=False))
            return values
        truths = column.str.to_lowercase().replace_strict({"true": 1.0, "false": 0.0}, default=None)
        booleans = truths.is_not_null()
        text = _first(column.is_not_null() & ~numbers & ~booleans)
        if text is not None:
            self._refuse_text(column[text], batch.place.row(text))
        self._settle({Cells.NUMBERS: numbers, Cells.BOOLEANS: booleans}, column, batch)
        return truths.cast(pl.Float64)

    def _settle(self, present: dict[Cells, pl.Series], column: pl.Series, batch: Batch) -> None:
        """Fixes what the column holds at its first value; raises DataRejected at the first that is something else."""
        firsts = {cells: first for cells, mask in present.items() if (first := _first(mask)) is not None}
        if self._cells is None and firsts:
            self._cells = min(firsts, key=firsts.__getitem__)
        for cells, first in firsts.items():
            if cells is not self._cells:
                raise DataRejected(
                    f"column {shown(self._name)} mixes numbers and booleans "
                    f"({shown(column[first])} in {batch.place.row(first)}): write 0 and 1"
                )

    def _note_inexact(self, integers: pl.Series) -> None:
        # A column of narrow integers cannot be compared with a bound beyond its type.
        wide = integers.cast(pl.Int128)
        self.inexact |= bool(((wide > LARGEST_EXACT) | (wide < -LARGEST_EXACT)).any())

    def _refuse(self, column: pl.Series, cells: Cells, batch: Batch) -> NoReturn:
        first = _first(column.is_not_null()) or 0
        if cells is Cells.TEXT:
            # Among JSON's numbers polars turns text and numbers alike into text: the lines know which it was.
            index, text = ndjson_reader.first_text(batch.raw, self._name) or (first, column[first])
            self._refuse_text(text, batch.place.row(index))
        advice = self._advice.dates if cells is Cells.DATES else self._advice.other
        place = batch.place.row(first)
        value = f"{shown(column[first])} in {place}" if cells is Cells.DATES else place
        raise DataRejected(f"column {shown(self._name)} holds {cells} ({value}): {advice}")

    def _refuse_text(self, text: str, row: str) -> NoReturn:
        if _DATE.match(text):
            raise DataRejected(f"column {shown(self._name)} holds dates ({shown(text)} in {row}): {self._advice.dates}")
        advice = self._advice.text
        if text.strip().lower() in _MEANT_MISSING:
            advice = "leave the cell empty where a value is missing"
        raise DataRejected(f"column {shown(self._name)} holds text ({shown(text)} in {row}): {advice}")


def _first(mask: pl.Series) -> int | None:
    """The index of the first True."""
    index = mask.arg_max()
    return index if index is not None and mask[index] else None
