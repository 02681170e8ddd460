"""No bytes give anything but rows or a sentence."""

import csv
import io
import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynomaly_inference.datasets import blocks
from pynomaly_inference.datasets.formats import source_file
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.errors import DataRejected

FRAGMENTS = [b"a", b"1", b"-0.5", b",", b'"', b'""', b"\n", b"\r\n", b" ", b";", b"\xc3\xa9", b"\xff", b"\0"]
JSON_FRAGMENTS = [
    b'{"a":',
    b'"b"',
    b"}",
    b"}\n",
    b"{",
    b"[",
    b"]",
    b":",
    b",",
    b"1",
    b"1e999",
    b"true",
    b"null",
    b"\xff",
]


def rows(name: str, content: bytes) -> list[tuple[object, ...]] | None:
    """The file's rows, None where it is rejected."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            frames = [batch.frame for batch in batches([source_file(path, name)], None)]
        except DataRejected:
            return None
    return pl.concat(frames, how="diagonal_relaxed").rows() if frames else []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map(b"".join))
def test_what_is_read_as_csv_is_what_python_reads(body: bytes) -> None:
    found = rows("x.csv", b"a,b\n" + body)
    if found is not None:
        expected = [row for row in csv.reader(io.StringIO(body.decode(), newline="")) if row]
        assert [[cell or "" for cell in row] for row in found] == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(JSON_FRAGMENTS), max_size=25).map(b"".join))
def test_any_json_like_text_is_read_or_rejected(body: bytes) -> None:
    rows("x.ndjson", body)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*JSON_FRAGMENTS, b'{"a":1}', b'{"a":{}}']), max_size=12), st.integers(1, 9))
def test_what_is_read_as_a_json_array_is_what_python_reads(fragments: list[bytes], block: int) -> None:
    body = b"[" + b"".join(fragments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        found = rows("x.json", body)
    if found is not None:
        assert [len(row) for row in json.loads(body)] == [sum(cell is not None for cell in row) for row in found]


@pytest.mark.parametrize(
    "name", ["x.csv", "x.ndjson", "x.parquet", "x.json", "x.xlsx", "x.csv.gz", "x.ndjson.zst", "x.parquet.zst"]
)
@settings(max_examples=50, deadline=None)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(name: str, body: bytes) -> None:
    rows(name, body)


PARQUET = io.BytesIO()
pl.DataFrame({"a": range(100), "b": ["x", None] * 50}).write_parquet(PARQUET)
FOOTER = int.from_bytes(PARQUET.getvalue()[-8:-4], "little") + 8


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, FOOTER), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_parquet_file_with_a_damaged_footer_is_read_or_rejected(damage: list[tuple[int, int]]) -> None:
    content = bytearray(PARQUET.getvalue())
    for from_end, byte in damage:
        content[-from_end] = byte
    rows("x.parquet", bytes(content))
