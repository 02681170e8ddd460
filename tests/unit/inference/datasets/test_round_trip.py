"""A table reads the same from whatever file it was written to."""

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.formats import source_file
from pynomaly_inference.datasets.table import Table, read_training_table
from pynomaly_inference.features import FeatureType

ROWS = 20
COLUMNS = Columns(
    (("n", FeatureType.NUMBER), ("z", FeatureType.CATEGORY), ("i", FeatureType.NUMBER)), label="y", timestamp="t"
)
# Text of any kind but NUL and lone surrogates, which no one writes to a CSV.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


def column(cells: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    return st.lists(cells, min_size=ROWS, max_size=ROWS)


TABLES = st.fixed_dictionaries(
    {
        "n": column(st.none() | st.floats(allow_nan=False, allow_infinity=False)).filter(any),
        "z": column(st.none() | TEXT).filter(any),
        "i": column(st.integers(-(2**53), 2**53)),
        "y": column(st.integers(0, 1)),
        "t": column(st.integers(-(2**62), 2**62)),
    }
)
SCHEMA = {"n": pl.Float64, "z": pl.String, "i": pl.Int64, "y": pl.Int64, "t": pl.Int64}
WRITE: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: frame.write_csv(path, quote_style="non_numeric"),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
    ".json": lambda frame, path: frame.write_json(path),
    ".parquet": lambda frame, path: frame.write_parquet(path),
}
PACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def read_back(frame: pl.DataFrame, kind: str, packing: str) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / f"x{kind}"
        WRITE[kind](frame, plain)
        packed = Path(folder) / f"y{kind}{packing}"
        packed.write_bytes(PACK[packing](plain.read_bytes()))
        return read_training_table([source_file(packed, packed.name)], COLUMNS, missing_allowed=True)


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("kind", WRITE)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(cells=TABLES)
def test_a_table_reads_as_it_was_written(cells: dict[str, list[object]], kind: str, packing: str) -> None:
    table = read_back(pl.DataFrame(cells, schema=SCHEMA), kind, packing)
    numbers = [[np.nan if value is None else value for value in cells[name]] for name in ("n", "i")]
    assert np.array_equal(table.rows.numbers, np.array(numbers, np.float64).T, equal_nan=True)
    assert table.rows.categories is not None
    assert table.rows.categories[:, 0].tolist() == [cell or "" for cell in cells["z"]]
    assert table.label is not None
    assert table.label.tolist() == cells["y"]
    assert table.timestamp is not None
    assert table.timestamp.tolist() == cells["t"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(cells=TABLES)
def test_the_fingerprint_is_of_the_values_not_of_the_format(cells: dict[str, list[object]]) -> None:
    frame = pl.DataFrame(cells, schema=SCHEMA)
    assert len({read_back(frame, kind, "").fingerprint for kind in WRITE}) == 1
