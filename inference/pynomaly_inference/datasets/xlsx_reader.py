"""Excel: the first sheet of a workbook, its first row the header."""

from collections.abc import Iterator
from dataclasses import replace

import fastexcel
import polars as pl

from pynomaly_inference.datasets.batch import Batch, Place, shown
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.streams import unpacked
from pynomaly_inference.errors import DataRejected, SourceUnreachable

_BATCH_CELLS = 1 << 20


def read(file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
    """The sheet's rows; see `batch.Reader`. Formulas have their last value, those that failed none.

    The whole sheet is held in memory: the format knows no other way, and 1,048,576 rows at most. A column of unlike
    cells is text, as in CSV.
    """
    sheet = _sheet(file)
    columns = tuple(sheet.columns)
    used = [name for name in columns if wanted is None or name in wanted]
    step = max(1, _BATCH_CELLS // max(1, len(used)))
    for start in range(0, max(1, sheet.height), step):
        rows = min(step, sheet.height - start)
        fraction = (start + rows) / sheet.height if sheet.height else 1.0
        yield Batch(sheet.select(used).slice(start, rows), rows, columns, place, fraction, textual=True)
        place = replace(place, rows_before=place.rows_before + rows)


def _sheet(file: SourceFile) -> pl.DataFrame:
    with unpacked(file) as plain:
        try:
            content = plain.path.read_bytes()
        except OSError as error:
            raise SourceUnreachable(f"cannot read `{file.name}`: {error.strerror}") from error
    try:
        book = fastexcel.read_excel(content)
        header = book.load_sheet(0, header_row=None, n_rows=1, dtypes="string").to_polars()
        sheet = book.load_sheet(0, schema_sample_rows=None).to_polars()
    except fastexcel.FastExcelError as error:
        raise DataRejected(f"`{file.name}` is damaged, or is no xlsx file") from error
    if not header.width:
        raise DataRejected(f"`{file.name}` is empty: it has not even a header")
    return _named(file, sheet, list(header.row(0)))


def _named(file: SourceFile, sheet: pl.DataFrame, header: list[str | None]) -> pl.DataFrame:
    """The columns by their names in the sheet, without those that are empty altogether."""
    found: dict[str, pl.Series] = {}
    for index, (name, column) in enumerate(zip(header, sheet.get_columns(), strict=True)):
        if name is None:
            if column.null_count() < len(column):
                raise DataRejected(f"column {index + 1} of `{file.name}` has values but no name in the first row")
            continue
        if name in found:
            raise DataRejected(f"`{file.name}` has several columns named {shown(name)}: give each its own name")
        found[name] = column.alias(name)
    return pl.DataFrame(list(found.values()))
