"""A batch: some rows of a source, with where they stand in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from pynomaly_inference.datasets.formats import SourceFile

_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch stands: how many rows of the source come before it, and in which file it is.

    file: the file's name where the source has several, else None.
    """

    rows_before: int = 0
    file: str | None = None

    def row(self, index: int) -> str:
        """The batch's row `index` (from 0) as users count: from 1, without the header, over all files."""
        name = f"row {self.rows_before + index + 1}"
        return name if self.file is None else f"{name} (in `{self.file}`)"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in the source's order.

    frame: the wanted columns that the file has. rows: how many, even where no column is wanted. columns: every column
    of the file, wanted or not; of an ndjson file those of this batch. fixed: True when every batch of the file has
    these columns (ndjson rows may differ). textual: True when cells are text that stands for numbers and booleans too,
    as in CSV. fraction: how much of the file has been read after this batch. raw: the lines that an ndjson batch was
    read from.
    """

    frame: pl.DataFrame
    rows: int
    columns: tuple[str, ...]
    place: Place
    fraction: float
    fixed: bool = True
    textual: bool = False
    raw: bytes = b""

    def column(self, name: str) -> pl.Series:
        """The cells of a column, all null where the batch has none of this name."""
        if name in self.frame.columns:
            return self.frame.get_column(name)
        return pl.Series(name, [None] * self.rows, dtype=pl.Null)


class Reader(Protocol):
    """How one kind of file is read: one module a kind."""

    def __call__(self, file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
        """The file's rows in order, from `place` on; `wanted` None is every column.

        Yields at least one batch, perhaps empty, for a file that declares columns. Raises DataRejected where the file
        is damaged, SourceUnreachable where it cannot be read.
        """


def shown(value: object) -> str:
    """A cell for a message: short, on one line, in backticks."""
    text = "".join(character if character.isprintable() else " " for character in str(value))
    return f"`{text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'}`"
