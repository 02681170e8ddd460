"""Newline-delimited JSON: one object a line; a key that a row has not is a missing value."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from pynomaly_inference.datasets.batch import Batch, Place, shown
from pynomaly_inference.datasets.blocks import EndlessRecordError, line_blocks
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.streams import opened
from pynomaly_inference.errors import DataRejected

_BOM = b"\xef\xbb\xbf"

Split = Callable[[Iterator[bytes]], Iterator[bytes]]


def read(file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
    """The file's objects, a key a column, blank lines skipped; see `batch.Reader`. An empty file yields nothing."""
    return read_lines(file, wanted, place, line_blocks)


def read_lines(file: SourceFile, wanted: frozenset[str] | None, place: Place, split: Split) -> Iterator[Batch]:
    """The same of any file whose content `split` cuts into blocks of lines with an object each."""
    parser = _Parser(file, wanted)
    with opened(file) as stream:
        try:
            for index, block in enumerate(split(stream.pieces())):
                lines = block.removeprefix(_BOM) if index == 0 else block
                if not lines.strip():
                    continue
                frame, rows = parser.parse(lines, place)
                columns = tuple(parser.columns)
                yield Batch(frame, rows, columns, place, stream.fraction(), fixed=False, raw=lines)
                place = replace(place, rows_before=place.rows_before + rows)
        except EndlessRecordError as error:
            raise DataRejected(f"row {place.rows_before + 1} of `{file.name}` is longer than 64 MiB") from error


def first_text(lines: bytes, column: str) -> tuple[int, str] | None:
    """The first row, from 0, in which this column is a JSON string, and the string."""
    for index, row in enumerate(_rows(lines)):
        cell = json.loads(row).get(column)
        if isinstance(cell, str):
            return index, cell
    return None


class _Parser:
    """Parses one file's blocks of lines."""

    def __init__(self, file: SourceFile, wanted: frozenset[str] | None) -> None:
        self._file = file
        self._wanted = wanted
        self.columns: dict[str, pl.DataType] = {}
        """Every column met, with the type of its last meeting."""

    def parse(self, lines: bytes, place: Place) -> tuple[pl.DataFrame, int]:
        """The wanted columns that were met, and the number of rows."""
        frame = self._as_before(lines)
        if frame is not None:
            return frame, frame.height
        frame = self._inferred(lines, place)
        self.columns |= frame.schema
        used = [name for name in frame.columns if self._wanted is None or name in self._wanted]
        return frame.select(used), frame.height

    def _as_before(self, lines: bytes) -> pl.DataFrame | None:
        """The block by the types met before, in a fifth of the time of inferring; None where they differ."""
        if not self._wanted or not self._wanted <= self.columns.keys():
            return None
        try:
            return pl.read_ndjson(lines, schema={name: self.columns[name] for name in self._wanted})
        except pl.exceptions.PolarsError:
            return None

    def _inferred(self, lines: bytes, place: Place) -> pl.DataFrame:
        try:
            return pl.read_ndjson(lines, infer_schema_length=None)
        except pl.exceptions.PolarsError as error:
            raise DataRejected(f"`{self._file.name}` cannot be read: {_fault(lines, place)}") from error


def _rows(lines: bytes) -> Iterator[bytes]:
    return (row for row in lines.split(b"\n") if row.strip())


def _fault(lines: bytes, place: Place) -> str:
    """What is wrong with lines that polars cannot read: one that is no object, or a column of unlike values."""
    words: dict[str, str] = {}
    for index, row in enumerate(_rows(lines)):
        name = f"row {place.rows_before + index + 1}"
        try:
            cells = json.loads(row, parse_constant=_refuse)
        except UnicodeDecodeError:
            return f"{name} is not UTF-8 text: save the file as UTF-8"
        except ValueError as error:
            return f"{name} is not valid JSON: {error}"
        if not isinstance(cells, dict):
            return f"{name} is not a JSON object: write one object a line"
        for column, cell in cells.items():
            word = _word(cell)
            if word == "infinity":
                return f"column {shown(column)} is infinite in {name}: remove the row or the value"
            if word is not None and words.setdefault(column, word) != word:
                return f"column {shown(column)} mixes {words[column]} and {word} ({shown(cell)} in {name}): write one"
    return f"rows {place.rows_before + 1} and below cannot be read as JSON objects"


def _refuse(constant: str) -> None:
    raise ValueError(f"`{constant}` is not JSON, write null for a missing value")


def _word(cell: Any) -> str | None:
    """What a JSON value is, in words; None for null."""
    if isinstance(cell, float) and math.isinf(cell):
        return "infinity"
    kinds = {bool: "booleans", int: "numbers", float: "numbers", str: "text", list: "lists", dict: "objects"}
    return kinds.get(type(cell))
