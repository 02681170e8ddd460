"""What a Number may hold, and what is said of the rest."""

import datetime as dt
from decimal import Decimal

import pytest
from tests.unit.inference.datasets.tables import (
    CATEGORY,
    KINDS,
    NUMBER,
    ROWS,
    TYPED,
    Write,
    numbers,
    read,
    rejection,
)


@pytest.mark.parametrize("name", KINDS)
def test_text_in_a_number_asks_for_a_category(write: Write, name: str) -> None:
    file = write({"a": numbers(), "zone": ["north"] * ROWS}, name)
    assert rejection(file) == "column `zone` holds text (`north` in row 1): declare `type: Category`"


@pytest.mark.parametrize("name", ["x.csv", "x.ndjson"])
def test_the_first_text_among_numbers_is_named(write: Write, name: str) -> None:
    file = write({"zone": numbers(row_17="north")}, name)
    assert rejection(file) == "column `zone` holds text (`north` in row 17): declare `type: Category`"


@pytest.mark.parametrize("name", TYPED)
def test_digits_that_a_typed_file_calls_text_are_text(write: Write, name: str) -> None:
    file = write({"a": [str(index) for index in range(ROWS)]}, name)
    assert rejection(file) == "column `a` holds text (`0` in row 1): declare `type: Category`"


def test_digits_as_text_among_json_numbers_are_found(write: Write) -> None:
    file = write({"a": numbers(row_9="9")}, "x.ndjson")
    assert rejection(file) == "column `a` holds text (`9` in row 9): declare `type: Category`"


@pytest.mark.parametrize("marker", ["NA", "n/a", "null", "-", "None"])
def test_a_word_for_missing_asks_for_an_empty_cell(write: Write, marker: str) -> None:
    file = write({"a": numbers(row_4=marker)})
    assert rejection(file) == (
        f"column `a` holds text (`{marker}` in row 4): leave the cell empty where a value is missing"
    )


def test_a_long_cell_is_shown_short_and_on_one_line(write: Write) -> None:
    file = write({"a": numbers(row_4='"' + "long\n" * 100 + '"')})
    assert rejection(file) == (
        "column `a` holds text (`long long long long long long long long…` in row 4): declare `type: Category`"
    )


@pytest.mark.parametrize("day", ["2024-01-31", "2024-01-31T10:00:00Z", "31.01.2024", "1/31/2024", "2024/01/31"])
@pytest.mark.parametrize("name", ["x.csv", "x.ndjson"])
def test_dates_in_a_number_are_pointed_to_the_timestamp(write: Write, name: str, day: str) -> None:
    file = write({"day": [day] * ROWS, "a": numbers()}, name)
    assert rejection(file) == (
        f"column `day` holds dates (`{day}` in row 1): "
        "name it in `training.source.timestamp` or leave it out of `features`"
    )


@pytest.mark.parametrize("day", [dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, tzinfo=dt.UTC)])
def test_typed_dates_in_a_number_are_pointed_to_the_timestamp(write: Write, day: object) -> None:
    file = write({"day": [day] * ROWS}, "x.parquet")
    assert rejection(file).startswith("column `day` holds dates (`2024-01-31")
    assert rejection(file).endswith("name it in `training.source.timestamp` or leave it out of `features`")


@pytest.mark.parametrize(
    ("cell", "word"),
    [([1], "lists"), ({"a": 1}, "lists"), (b"x", "bytes"), (dt.timedelta(1), "durations")],
)
def test_values_that_are_no_numbers_at_all_are_left_out(write: Write, cell: object, word: str) -> None:
    file = write({"a": [None, None, *[cell] * (ROWS - 2)]}, "x.parquet")
    assert rejection(file) == f"column `a` holds {word} (row 3): leave it out of `features`"


@pytest.mark.parametrize("cell", [[1], b"x", dt.date(2024, 1, 1)])
def test_values_that_are_no_levels_are_refused(write: Write, cell: object) -> None:
    file = write({"n": numbers(), "z": [cell] * ROWS}, "x.parquet")
    sentence = rejection(file, features=(("n", NUMBER), ("z", CATEGORY)))
    assert sentence.startswith("column `z` holds ")
    assert sentence.endswith(" (row 1): a Category takes text, numbers and booleans")


@pytest.mark.parametrize(("name", "cell"), [("x.csv", "true"), ("x.csv", "False")])
def test_a_mix_of_numbers_and_booleans_is_refused(write: Write, name: str, cell: object) -> None:
    file = write({"a": numbers(row_5=cell)}, name)
    assert rejection(file) == f"column `a` mixes numbers and booleans (`{cell}` in row 5): write 0 and 1"


def test_a_mix_over_several_files_is_refused_too(write: Write) -> None:
    files = [write({"a": ["true"] * ROWS}, "a.csv"), write({"a": [1] * ROWS}, "b.parquet")]
    assert rejection(*files) == (
        "column `a` mixes numbers and booleans (`1` in row 26 (in `b.parquet`)): write 0 and 1"
    )


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_infinity_is_refused(write: Write, cell: str) -> None:
    file = write({"a": numbers(row_7=cell)})
    assert rejection(file, missing=True) == "column `a` is infinite in row 7: remove the row or the value"


def test_infinity_in_parquet_is_refused(write: Write) -> None:
    file = write({"a": [float("inf") if row == 7 else float(row) for row in range(1, ROWS + 1)]}, "x.parquet")
    assert rejection(file) == "column `a` is infinite in row 7: remove the row or the value"


@pytest.mark.parametrize("cell", [Decimal("1.5"), 1.5])
def test_decimals_and_floats_are_numbers(write: Write, cell: object) -> None:
    assert read(write({"a": [cell] * ROWS}, "x.parquet")).rows.numbers[0, 0] == 1.5
