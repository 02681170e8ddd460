import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_inference.datasets.batch import Batch, Place
from pynomaly_inference.datasets.timestamp_column import TimestampColumn
from pynomaly_inference.errors import DataRejected

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def batch(*cells: object, textual: bool = False) -> Batch:
    frame = pl.DataFrame({"t": pl.Series(cells)})
    return Batch(frame, frame.height, ("t",), Place(), 1.0, textual=textual)


def microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


def read(*cells: object, textual: bool = False) -> list[float]:
    found: list[float] = TimestampColumn("t").read(batch(*cells, textual=textual)).tolist()
    return found


def rejection(*cells: object, textual: bool = False) -> str:
    with pytest.raises(DataRejected) as raised:
        read(*cells, textual=textual)
    return str(raised.value)


NOON = dt.datetime(2024, 2, 29, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T12:00:00Z",
        "2024-02-29 12:00",
        "2024-02-29t12:00:00.000000000z",
        "2024-02-29T13:30:00+01:30",
        "2024-02-29T13:30+0130",
        "2024-02-29 09:00:00 -03",
        "20240229T120000Z",
        "2024-02-29T12:00:00,0",
        " 2024-02-29T12:00:00 ",
    ],
)
@pytest.mark.parametrize("textual", [True, False])
def test_iso_8601_is_read_with_and_without_zone(text: str, *, textual: bool) -> None:
    assert read(text, textual=textual) == [microseconds(NOON)]


@given(st.datetimes(), st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=-5, minutes=-30))]))
def test_what_python_writes_as_iso_8601_is_read(moment: dt.datetime, zone: dt.tzinfo | None) -> None:
    aware = moment.replace(tzinfo=zone or dt.UTC)
    assert read(moment.replace(tzinfo=zone).isoformat()) == [microseconds(aware)]


@given(st.dates())
def test_days_begin_at_midnight_utc(day: dt.date) -> None:
    midnight = microseconds(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC))
    assert read(day) == read(day.isoformat()) == [midnight]


def test_typed_times_are_read_in_utc() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    assert read(NOON) == read(NOON.replace(tzinfo=None)) == read(NOON.astimezone(east)) == [microseconds(NOON)]
    nanoseconds = pl.Series("t", [NOON]).dt.cast_time_unit("ns").to_frame()
    assert TimestampColumn("t").read(Batch(nanoseconds, 1, ("t",), Place(), 1.0)).tolist() == [microseconds(NOON)]


def test_numbers_stay_and_large_integers_keep_their_order() -> None:
    assert read(3, 2**60 + 1, 2**60) == [3, 2**60 + 1, 2**60]
    assert read(1.5, -2.0) == [1.5, -2.0]
    assert read("3", str(2**60 + 1), textual=True) == [3, 2**60 + 1]
    assert read("3", "1.5", textual=True) == [3, 1.5]


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2024-02-29T24:00:00", "2024-02-29T12:60", "29.02.2024", "noon", "2024"]
)
def test_text_that_is_no_time_is_named_with_its_row(text: str) -> None:
    assert rejection("2024-02-29", text) == (
        f"timestamp column `t` holds `{text}` in row 2: "
        "write every one as ISO 8601, such as `2026-01-31T12:00:00Z`, or every one as a number"
    )


@pytest.mark.parametrize("cells", [("2024-02-29", None), ("2024-02-29", " "), (1, None), (NOON, None)])
def test_a_missing_timestamp_is_named_with_its_row(cells: tuple[object, ...]) -> None:
    assert rejection(*cells) == "timestamp column `t` has no value in row 2: give every row one"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_does_not_sort_is_refused(number: float) -> None:
    assert "in row 2" in rejection(1.0, number)


@pytest.mark.parametrize("cell", [True, [1], b"x", dt.time(12), dt.timedelta(1)])
def test_values_that_are_no_times_are_refused(cell: object) -> None:
    assert rejection(cell).endswith("name one of dates or numbers")


def test_numbers_after_dates_are_refused() -> None:
    column = TimestampColumn("t")
    column.read(batch("2024-02-29"))
    with pytest.raises(DataRejected, match="holds `5` in row 1"):
        column.read(batch(5))
