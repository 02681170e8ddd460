"""CSV: comma-separated, UTF-8, one header; every cell is text until a column says how it is read."""

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from pynomaly_inference.datasets.batch import Batch, Place, shown
from pynomaly_inference.datasets.blocks import EndlessRecordError, record_blocks
from pynomaly_inference.datasets.csv_structure import first_fault, structure, well_quoted, without_blank_lines
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.streams import opened
from pynomaly_inference.errors import DataRejected

_BOM = b"\xef\xbb\xbf"
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read(file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
    """The file's records as text columns, null where a cell has nothing, not even quotes; see `batch.Reader`.

    Blank lines are skipped, except in a file of one column, where they are missing values.
    """
    with opened(file) as stream:
        blocks = record_blocks(stream.pieces())
        try:
            header, first = _header(file, next(blocks, b""), wanted)
            for block in itertools.chain([first], blocks):
                frame, rows = header.parse(block, place)
                yield Batch(frame, rows, header.columns, place, stream.fraction(), textual=True)
                place = replace(place, rows_before=place.rows_before + rows)
        except EndlessRecordError as error:
            row = place.rows_before + 1
            raise DataRejected(f"`{file.name}` has a quote that is never closed, in row {row} or below") from error


@dataclass(frozen=True, slots=True)
class _Header:
    """The columns of one file, and which of them are read."""

    file: SourceFile
    columns: tuple[str, ...]
    used: tuple[str, ...]

    def parse(self, block: bytes, place: Place) -> tuple[pl.DataFrame, int]:
        """The used columns and the number of records; raises DataRejected naming the first malformed record."""
        width = len(self.columns)
        records = without_blank_lines(block) if width > 1 else block
        cells = structure(records).cells
        frame = self._cells(records) if (cells == width).all() and well_quoted(records) else None
        if frame is None or (self.used and frame.height != len(cells)):
            raise DataRejected(self._fault(records, place))
        return frame, len(cells)

    def _cells(self, records: bytes) -> pl.DataFrame | None:
        """The cells as polars reads them, None where it cannot."""
        if not records or not self.used:
            return pl.DataFrame(schema=dict.fromkeys(self.used, pl.String))
        scan = pl.scan_csv(records, has_header=False, schema=dict.fromkeys(self.columns, pl.String))
        try:
            return scan.select(self.used).collect()
        except pl.exceptions.PolarsError:
            return None

    def _fault(self, records: bytes, place: Place) -> str:
        fault = first_fault(records, len(self.columns))
        if fault is None:
            return f"`{self.file.name}` cannot be read as CSV from row {place.rows_before + 1} on"
        index, sentence = fault
        return f"row {place.rows_before + index + 1} of `{self.file.name}` {sentence}"


def _header(file: SourceFile, block: bytes, wanted: frozenset[str] | None) -> tuple[_Header, bytes]:
    """The names in the first record of the file's first block, and the rest of the block."""
    text = block.removeprefix(_BOM).lstrip(b"\r\n")
    if not text:
        raise DataRejected(f"`{file.name}` is empty: it has not even a header")
    end = int(structure(text).ends[0])
    try:
        names = tuple(next(csv.reader(io.StringIO(text[:end].decode(), newline=""), strict=True)))
    except UnicodeDecodeError as error:
        raise DataRejected(f"the header of `{file.name}` is not UTF-8 text: save the file as UTF-8") from error
    except csv.Error as error:
        raise DataRejected(f"the header of `{file.name}` cannot be read: {error}") from error
    _check_names(file, names)
    used = tuple(name for name in names if wanted is None or name in wanted)
    return _Header(file, names, used), text[end:]


def _check_names(file: SourceFile, names: tuple[str, ...]) -> None:
    for separator, word in _OTHER_SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise DataRejected(f"`{file.name}` is separated by {word}: separate its cells by commas")
    for index, name in enumerate(names):
        if name in names[:index]:
            raise DataRejected(f"`{file.name}` has several columns named {shown(name)}: give each its own name")
