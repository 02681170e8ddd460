"""Tables as files of each kind, and what reading them says."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.formats import SourceFile, source_file
from pynomaly_inference.datasets.table import Table, read_training_table
from pynomaly_inference.errors import DataRejected
from pynomaly_inference.features import FeatureType

NUMBER, CATEGORY = FeatureType.NUMBER, FeatureType.CATEGORY
ROWS = 25
Cells = dict[str, list[object]]
Write = Callable[..., SourceFile]


def written(cells: Cells, path: Path) -> SourceFile:
    """The columns in a file of any kind; lists of unlike values only as csv or ndjson."""
    if path.suffix == ".parquet":
        pl.DataFrame(cells).write_parquet(path)
    elif path.suffix == ".csv":
        lines = [",".join(cells), *(",".join(map(csv_cell, row)) for row in zip(*cells.values(), strict=True))]
        path.write_text("\n".join(lines) + "\n")
    else:
        objects = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
        path.write_text("\n".join(map(json.dumps, objects)))
    return source_file(path, path.name)


def csv_cell(value: object) -> str:
    return "" if value is None else str(value)


def numbers(**changes: object) -> list[object]:
    """1, 2, 3 …, with cells changed by row, as in `row_3="x"`."""
    cells: list[object] = list(range(1, ROWS + 1))
    for row, cell in changes.items():
        cells[int(row.removeprefix("row_")) - 1] = cell
    return cells


def read(*files: SourceFile, missing: bool = False, **columns: object) -> Table:
    return read_training_table(files, Columns(**columns), missing_allowed=missing)  # type: ignore[arg-type]  # by name


def rejection(*files: SourceFile, missing: bool = False, **columns: object) -> str:
    with pytest.raises(DataRejected) as raised:
        read(*files, missing=missing, **columns)
    return str(raised.value)


KINDS = ["x.csv", "x.ndjson", "x.parquet"]
TYPED = ["x.ndjson", "x.parquet"]
