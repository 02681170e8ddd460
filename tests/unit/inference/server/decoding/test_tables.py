"""Arrow streams and Parquet files, whole, damaged and hostile: each is read, or refused, and nothing else happens."""

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.inference.server.decoding.strict import CATEGORY, NUMBER, rejects, rows_of, schema_of

from pynomaly_inference.server.decoding.arrow_rows import decode_arrow, decode_parquet
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.table_process import PARQUET, TableProcess
from pynomaly_inference.server.rejected import Rejected

SCHEMA = schema_of(NUMBER, CATEGORY, NUMBER, missing=True)
Decode = Callable[[bytes], Decoded]


@pytest.fixture(scope="module")
def tables() -> TableProcess:
    return TableProcess()


def arrow(table: pa.Table, compression: str | None = None) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=3)
    return out.getvalue()


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


WHOLE = pa.table({"a": [1.0, None, 3.0, 4.5], "b": ["x", None, "ü", ""], "c": [1, 2, 3, 4]})
ROWS = [[1.0, "x", 1.0], [None, "", 2.0], [3.0, "ü", 3.0], [4.5, "", 4.0]]
BODIES = [
    (decode_arrow, arrow(WHOLE)),
    (decode_arrow, arrow(WHOLE, "lz4")),
    (decode_parquet, parquet(WHOLE)),
    (decode_parquet, parquet(WHOLE, compression="none", use_dictionary=False)),
    (decode_parquet, parquet(WHOLE, compression="zstd", data_page_version="2.0")),
]

cells = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
words = st.one_of(st.none(), st.text(max_size=5).filter(lambda text: text.isprintable()))


@given(st.lists(st.tuples(cells, words, st.integers(-(2**53), 2**53)), min_size=1, max_size=9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_any_table_is_read_as_it_was_written(tables: TableProcess, rows: list[tuple[Any, Any, int]]) -> None:
    first, second, third = zip(*rows, strict=True)
    table = pa.table(
        {"c": pa.array(third, pa.int64()), "b": pa.array(second, pa.string()), "a": pa.array(first, pa.float64())}
    )
    expected = [[a, b or "", float(c)] for a, b, c in rows]

    assert rows_of(decode_arrow(arrow(table), SCHEMA, None, tables), SCHEMA) == expected
    assert rows_of(decode_parquet(parquet(table), SCHEMA, None, tables), SCHEMA) == expected


@given(
    st.sampled_from(BODIES),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=3),
    st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_a_damaged_table_is_read_or_refused(
    tables: TableProcess, whole: tuple[Any, bytes], damage: list[tuple[float, bytes]], data: st.DataObject
) -> None:
    decode, body = whole
    damaged = bytearray(body[: data.draw(st.sampled_from([len(body), len(body), len(body) // 2, len(body) - 1]))])
    for place, content in damage:
        start = int(place * len(damaged))
        damaged[start : start + len(content)] = content

    rejects(decode, bytes(damaged), SCHEMA, 100, tables)


def test_after_a_body_that_ended_the_process_the_next_is_read(tables: TableProcess) -> None:
    decode, body = BODIES[0]
    ended = body[:4] + (2**31 - 8).to_bytes(4, "little") + body[8:]

    with pytest.raises(Rejected, match="the body is not an Arrow IPC stream"):
        decode(ended, SCHEMA, None, tables)

    assert rows_of(decode(body, SCHEMA, None, tables), SCHEMA) == ROWS


def test_a_small_file_of_very_many_rows_is_refused() -> None:
    zeros = pa.table({"a": np.zeros(8_000_000), "b": pa.nulls(8_000_000, pa.string()), "c": np.zeros(8_000_000)})
    body = parquet(zeros, row_group_size=8_000_000, compression="zstd")
    tables = TableProcess(decoded=2**24)

    assert len(body) < 2**20
    for most_rows in (None, 1000):
        with pytest.raises(Rejected) as refused:
            decode_parquet(body, SCHEMA, most_rows, tables)
        assert refused.value.status == 413
    assert rows_of(decode_parquet(BODIES[2][1], SCHEMA, None, tables), SCHEMA) == ROWS


def test_a_body_that_needs_more_memory_than_the_process_has_is_refused() -> None:
    zeros = np.zeros(16_000_000)
    body = parquet(pa.table({"a": zeros, "b": pa.nulls(len(zeros), pa.string()), "c": zeros}))
    tables = TableProcess(memory=2**29, decoded=2**32)

    with pytest.raises(Rejected, match="take more memory decoded than one body may"):
        decode_parquet(body, SCHEMA, None, tables)

    assert rows_of(decode_parquet(BODIES[2][1], SCHEMA, None, tables), SCHEMA) == ROWS


def test_a_body_that_takes_too_long_is_refused() -> None:
    tables = TableProcess(seconds=0.01)
    start = time.monotonic()

    with pytest.raises(Rejected, match="takes more memory or time than one may"):
        tables.rewrite(PARQUET, BODIES[2][1], SCHEMA, None)

    assert time.monotonic() - start < 10
