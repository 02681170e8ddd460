"""What the first sheet of a workbook yields, written by XlsxWriter."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from tests.unit.inference.datasets.tables import CATEGORY, NUMBER, ROWS

from pynomaly_inference.datasets import xlsx_reader
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.formats import SourceFile, source_file
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.datasets.table import read_training_table
from pynomaly_inference.errors import DataRejected


def workbook(folder: Path, *lines: Sequence[object], second: Sequence[object] = ()) -> SourceFile:
    path = folder / "x.xlsx"
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm", "nan_inf_to_errors": True}) as book:
        sheet = book.add_worksheet("data")
        for row, cells in enumerate(lines):
            for column, cell in enumerate(cells):
                sheet.write(row, column, cell)
        book.add_worksheet("more").write_row(0, 0, second)
    return source_file(path, path.name)


def rows(file: SourceFile, *wanted: str) -> list[tuple[object, ...]]:
    return pl.concat([batch.frame for batch in batches([file], frozenset(wanted) or None)]).rows()


def rejection(file: SourceFile) -> str:
    with pytest.raises(DataRejected) as raised:
        rows(file)
    return str(raised.value)


def test_cells_keep_their_types_and_blank_ones_are_null(tmp_path: Path) -> None:
    time = dt.datetime(2026, 3, 1, 12, 30)  # noqa: DTZ001 - a workbook knows no time zone
    file = workbook(tmp_path, ["a", "b", "c", "d"], [1, "x", True, time], [2.5, None, False], [None, "y"])
    assert rows(file) == [(1.0, "x", True, time), (2.5, None, False, None), (None, "y", None, None)]


def test_only_the_first_sheet_and_the_wanted_columns_are_read(tmp_path: Path) -> None:
    file = workbook(tmp_path, ["a", "b", "c"], [1, 2, 3], second=["z"])
    assert rows(file, "c", "a", "z") == [(1.0, 3.0)]
    assert [batch.columns for batch in batches([file], frozenset("z"))] == [("a", "b", "c")]


def test_a_sheet_without_rows_declares_its_columns(tmp_path: Path) -> None:
    assert [batch.columns for batch in batches([workbook(tmp_path, ["a", "b"])], None)] == [("a", "b")]


def test_columns_that_are_empty_altogether_do_not_count(tmp_path: Path) -> None:
    file = workbook(tmp_path, ["a", None, "b"], [1, None, 2])
    assert [batch.columns for batch in batches([file], None)] == [("a", "b")]


def test_long_sheets_come_in_batches_that_count_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_reader, "_BATCH_CELLS", 20)
    read = list(batches([workbook(tmp_path, ["a", "b"], *([index, 0] for index in range(25)))], None))
    assert [batch.rows for batch in read] == [10, 10, 5]
    assert [batch.place.row(0) for batch in read] == ["row 1", "row 11", "row 21"]
    assert read[-1].fraction == pytest.approx(1.0)


def test_numbers_that_are_stored_as_text_are_numbers(tmp_path: Path) -> None:
    lines = [[str(index) if index % 2 else index, f"z{index % 2}"] for index in range(ROWS)]
    columns = Columns((("n", NUMBER), ("z", CATEGORY)))
    table = read_training_table([workbook(tmp_path, ["n", "z"], *lines)], columns, missing_allowed=False)
    assert table.rows.numbers[:, 0].tolist() == list(range(ROWS))


def test_text_among_numbers_is_named_with_its_row(tmp_path: Path) -> None:
    lines = [["broken" if index == 3 else index] for index in range(ROWS)]
    with pytest.raises(DataRejected) as raised:
        read_training_table([workbook(tmp_path, ["n"], *lines)], Columns(), missing_allowed=False)
    assert str(raised.value) == "column `n` holds text (`broken` in row 4): declare `type: Category`"


def test_a_formula_that_failed_has_no_value(tmp_path: Path) -> None:
    lines = [[float("nan") if index == 3 else index] for index in range(ROWS)]
    with pytest.raises(DataRejected) as raised:
        read_training_table([workbook(tmp_path, ["n"], *lines)], Columns(), missing_allowed=False)
    assert str(raised.value) == "column `n` has no value in row 4: set `preprocessing.impute`"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "`x.xlsx` is empty: it has not even a header"),
        ([["a", "b", "a"], [1, 2, 3]], "`x.xlsx` has several columns named `a`: give each its own name"),
        ([["a", None], [1, 2]], "column 2 of `x.xlsx` has values but no name in the first row"),
    ],
)
def test_a_header_that_names_no_columns_has_its_sentence(
    tmp_path: Path, lines: list[list[object]], sentence: str
) -> None:
    assert rejection(workbook(tmp_path, *lines)) == sentence


@pytest.mark.parametrize("cut", [0, 10, 500, -10])
def test_a_workbook_that_is_cut_off_is_rejected(tmp_path: Path, cut: int) -> None:
    file = workbook(tmp_path, ["a"], *([index] for index in range(100)))
    file.path.write_bytes(file.path.read_bytes()[:cut])
    assert rejection(file) == "`x.xlsx` is damaged, or is no xlsx file"
