"""Every sentence that training data can earn, and what is read when it earns none."""

import numpy as np
import pytest
from tests.unit.inference.datasets.tables import CATEGORY, KINDS, NUMBER, ROWS, Write, numbers, read, rejection

from pynomaly_inference.datasets import blocks
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.table import read_training_table


@pytest.mark.parametrize("name", KINDS)
def test_features_default_to_every_column_but_label_and_timestamp(write: Write, name: str) -> None:
    file = write({"b": numbers(), "t": numbers(), "a": numbers(), "y": [0, 1] * 12 + [0]}, name)
    table = read(file, label="y", timestamp="t")
    assert table.features == (("b", NUMBER), ("a", NUMBER))
    assert table.rows.categories is None
    assert table.rows.numbers.dtype == np.float64
    assert table.rows.numbers.flags.c_contiguous
    assert table.rows.numbers.tolist() == [[index, index] for index in range(1, ROWS + 1)]
    assert table.label is not None
    assert table.label.dtype == np.int64
    assert table.label.tolist() == [0, 1] * 12 + [0]
    assert table.timestamp is not None
    assert table.timestamp.tolist() == list(range(1, ROWS + 1))
    assert table.warnings == ()


@pytest.mark.parametrize("name", KINDS)
def test_features_are_in_the_resources_order_by_type(write: Write, name: str) -> None:
    file = write({"a": numbers(), "b": numbers(), "z": ["n", "s"] * 12 + [None], "extra": ["x"] * ROWS}, name)
    table = read(file, features=(("b", NUMBER), ("z", CATEGORY), ("a", CATEGORY)))
    assert table.features == (("b", NUMBER), ("z", CATEGORY), ("a", CATEGORY))
    assert table.rows.numbers.tolist() == [[index] for index in range(1, ROWS + 1)]
    assert table.rows.categories is not None
    assert table.rows.categories.dtype == object
    assert table.rows.categories[:2].tolist() == [["n", "1"], ["s", "2"]]
    assert table.rows.categories[-1].tolist() == ["", "25"]
    assert table.label is None
    assert table.timestamp is None


@pytest.mark.parametrize(
    ("name", "truths"), [("x.csv", ["true", "FALSE"]), ("x.ndjson", [True, False]), ("x.parquet", [True, False])]
)
def test_booleans_count_as_0_and_1(write: Write, name: str, truths: list[object]) -> None:
    table = read(write({"a": truths * 12 + truths[:1]}, name))
    assert table.rows.numbers.ravel().tolist() == [1, 0] * 12 + [1]


def test_a_csv_category_stays_as_it_is_written(write: Write) -> None:
    file = write({"n": numbers(), "z": ["007", "1.0", "True", " x", ""] * 5})
    table = read(file, features=(("n", NUMBER), ("z", CATEGORY)))
    assert table.rows.categories is not None
    assert table.rows.categories[:5, 0].tolist() == ["007", "1.0", "True", " x", ""]


@pytest.mark.parametrize("name", KINDS)
def test_missing_numbers_are_nan_where_they_are_allowed(write: Write, name: str) -> None:
    file = write({"a": numbers(row_3=None), "b": numbers()}, name)
    assert np.argwhere(np.isnan(read(file, missing=True).rows.numbers)).tolist() == [[2, 0]]
    assert rejection(file) == "column `a` has no value in row 3: set `preprocessing.impute`"


def test_nan_and_blanks_in_a_csv_are_missing(write: Write) -> None:
    file = write({"a": numbers(row_2="nan", row_3="NaN", row_4="  ", row_5='""'), "b": numbers()})
    assert np.flatnonzero(np.isnan(read(file, missing=True).rows.numbers[:, 0])).tolist() == [1, 2, 3, 4]


def test_numbers_in_a_csv_may_have_spaces_signs_and_exponents(write: Write) -> None:
    table = read(write({"a": numbers(row_1=" 7 ", row_2="+1.5", row_3="-2E3", row_4=".5", row_5="1e-300")}))
    assert table.rows.numbers[:5, 0].tolist() == [7, 1.5, -2000, 0.5, 1e-300]


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_column_names_a_near_one_and_what_is_there(write: Write, name: str) -> None:
    file = write({"zone": numbers(), "b": numbers()}, name)
    assert rejection(file, features=(("zome", NUMBER),)) == (
        "the source has no column `zome`: did you mean `zone`? It has `zone`, `b`"
    )
    assert rejection(file, label="is_anomaly") == "the source has no column `is_anomaly`: it has `zone`, `b`"


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_timestamp_column_is_missed(write: Write, name: str) -> None:
    sentence = rejection(write({"x": numbers()}, name), timestamp="at")
    assert sentence == "the source has no column `at`: it has `x`"


def test_a_wide_file_is_not_listed_to_its_end(write: Write) -> None:
    file = write({f"c{index}": numbers() for index in range(30)})
    assert rejection(file, label="y").endswith("`c18`, `c19` and 10 more")


@pytest.mark.parametrize("name", ["b.csv", "b.parquet"])
def test_files_must_have_the_same_columns(write: Write, name: str) -> None:
    first = write({"a": numbers(), "b": numbers()}, "a.csv")
    assert rejection(first, write({"a": numbers()}, name)) == f"`{name}` has no column `b`: it has `a`"
    more = write({"a": numbers(), "b": numbers(), "c": numbers()}, name)
    assert rejection(first, more) == "the first file has no column `c`: it has `a`, `b`"
    assert rejection(first, write({"b": numbers()}, name), features=(("a", NUMBER),)) == (
        f"`{name}` has no column `a`: it has `b`"
    )


def test_files_may_order_their_columns_differently(write: Write) -> None:
    first = write({"a": numbers(), "b": [0] * ROWS}, "a.csv")
    table = read(first, write({"b": [0] * ROWS, "a": numbers()}, "b.parquet"))
    assert table.rows.numbers[:, 0].tolist() == list(range(1, ROWS + 1)) * 2


def test_a_key_that_comes_late_is_missing_before(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 16)
    file = write({"a": numbers()}, "x.ndjson")
    file.path.write_text(file.path.read_text() + '\n{"a":1,"b":2}\n')
    table = read(file, missing=True)
    assert table.features == (("a", NUMBER), ("b", NUMBER))
    assert table.rows.numbers[-2:].tolist()[1] == [1, 2]
    assert np.isnan(table.rows.numbers[:ROWS, 1]).all()


def test_rows_are_counted_over_all_files_and_the_file_is_named(write: Write) -> None:
    files = [write({"a": numbers()}, "a.csv"), write({"a": numbers(row_3="x")}, "b.csv")]
    assert rejection(*files) == ("column `a` holds text (`x` in row 28 (in `b.csv`)): declare `type: Category`")
    files[1] = write({"a": numbers(row_3=None)}, "b.csv")
    assert rejection(*files) == "column `a` has no value in row 28 (in `b.csv`): set `preprocessing.impute`"


@pytest.mark.parametrize("name", KINDS)
def test_no_rows_are_too_few(write: Write, name: str) -> None:
    assert rejection(write({"a": []}, name)) == "the source has no rows"


def test_19_rows_are_too_few_and_20_enough(write: Write) -> None:
    sentence = "19 rows are too few to train on: at least 20 are needed"
    assert rejection(write({"a": numbers()[:19]})) == sentence
    assert len(read(write({"a": numbers()[:20]})).rows) == 20


@pytest.mark.parametrize("name", KINDS)
def test_a_column_without_any_value_is_refused(write: Write, name: str) -> None:
    file = write({"a": numbers(), "b": [None] * ROWS}, name)
    assert rejection(file, missing=True) == "column `b` has no value in any row: leave it out of `features`"
    features = (("a", NUMBER), ("b", CATEGORY))
    assert rejection(file, features=features) == "column `b` has no value in any row: leave it out of `features`"


def test_a_detector_needs_a_number(write: Write) -> None:
    file = write({"a": numbers()})
    assert rejection(file, features=(("a", CATEGORY),)) == "no feature is a Number: a detector needs at least one"
    assert rejection(file, label="a").startswith("label column `a` holds `2` in row 2")


def test_100_levels_are_enough(write: Write) -> None:
    features = (("n", NUMBER), ("z", CATEGORY))
    enough: list[object] = [f"level {index % 100}" for index in range(200)]
    many: list[object] = [f"level {index % 101}" for index in range(200)]
    assert len(read(write({"n": list(range(200)), "z": enough}), features=features).rows) == 200
    assert rejection(write({"n": list(range(200)), "z": many}), features=features) == (
        "column `z` has more than 100 levels by row 200: "
        "group them, declare `type: Number`, or leave it out of `features`"
    )


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("x.csv", ["1", "0", "true", "FALSE", " 1", "1.0"]),
        ("x.ndjson", ["1", "0", "true", "False", " 1", "1.0"]),
        ("x.ndjson", [True, False, True, False, True, True]),
        ("x.ndjson", [1, 0, 1, 0, 1.0, 1]),
        ("x.parquet", [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
        ("x.parquet", [True, False, True, False, True, True]),
    ],
)
def test_a_label_is_0_or_1_however_it_is_written(write: Write, name: str, cells: list[object]) -> None:
    table = read(write({"a": numbers(), "y": [*cells, *cells[1:2] * 19]}, name), label="y")
    assert table.label is not None
    assert table.label.tolist() == [1, 0, 1, 0, 1, 1] + [0] * 19


@pytest.mark.parametrize(
    ("name", "cell"),
    [("x.csv", "2"), ("x.csv", "yes"), ("x.csv", "0.5"), ("x.csv", "nan"), ("x.ndjson", 2), ("x.parquet", -1)],
)
def test_any_other_label_is_refused(write: Write, name: str, cell: object) -> None:
    file = write({"a": numbers(), "y": [0, 1, 0, cell] + [0] * 21}, name)
    assert rejection(file, label="y") == (
        f"label column `y` holds `{cell}` in row 4: a label is 0 or 1, or false or true"
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_label_is_refused(write: Write, name: str) -> None:
    file = write({"a": numbers(), "y": [0, 1, None] + [0] * 22}, name)
    assert rejection(file, label="y") == ("label column `y` has no value in row 3: a label is 0 or 1, or false or true")


def test_a_label_of_lists_is_refused(write: Write) -> None:
    file = write({"a": numbers(), "y": [[1]] * ROWS}, "x.parquet")
    assert rejection(file, label="y") == "label column `y` holds lists: a label is 0 or 1, or false or true"


@pytest.mark.parametrize("name", KINDS)
def test_integers_beyond_float64_warn(write: Write, name: str) -> None:
    table = read(write({"a": numbers(row_1=2**53), "b": numbers(row_9=2**53 + 1), "c": numbers(row_9=-(2**60))}, name))
    assert table.warnings == tuple(
        f"column `{column}` holds integers beyond 9007199254740992: they are rounded to the nearest float64"
        for column in "bc"
    )


def test_large_fractions_do_not_warn(write: Write) -> None:
    assert read(write({"a": numbers(row_1="1e300", row_2="12345678901234567.5")})).warnings == ()


@pytest.mark.parametrize("name", KINDS)
def test_a_constant_number_warns(write: Write, name: str) -> None:
    table = read(write({"a": numbers(), "b": [3, *[None] * 5, *[3] * 19]}, name), missing=True)
    assert table.warnings == ("column `b` is constant (3): it tells no row from another",)


def test_progress_is_told_rows_and_fractions(write: Write) -> None:
    told: list[tuple[int, float]] = []
    files = [write({"a": numbers()}, name) for name in ("a.csv", "b.ndjson", "c.parquet")]
    read_training_table(
        files, Columns(), missing_allowed=False, progress=lambda rows, fraction: told.append((rows, fraction))
    )
    assert [rows for rows, _ in told] == [25, 50, 75]
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)
    assert told[-1][1] == pytest.approx(1.0)
