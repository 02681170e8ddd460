"""Rows in JSON and CSV against a slow, strict reading of the same bytes: never another row, no unforeseen error."""

import csv
import io
import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.inference.server.decoding.strict import (
    CATEGORY,
    NUMBER,
    SCHEMAS,
    Row,
    numbers,
    rejects,
    rows_of,
    schemas,
    separators,
    strict_json,
    strict_rows,
    strict_value,
)

from pynomaly_inference.server.decoding.csv_rows import decode_csv
from pynomaly_inference.server.decoding.json_rows import decode_instances, decode_rows
from pynomaly_inference.server.decoding.ndjson_rows import decode_ndjson
from pynomaly_inference.server.schema import Column, RowSchema

cells = st.one_of(
    numbers, numbers, numbers, st.none(), st.booleans(), st.text(max_size=3), st.lists(numbers, max_size=2)
)
rows = st.lists(st.one_of(st.lists(cells, max_size=4), st.lists(numbers, min_size=2, max_size=2), cells), max_size=4)
dense = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=4)
)
records = st.lists(st.one_of(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), cells), cells), max_size=4)


@st.composite
def texts(draw: st.DrawFn, keys: list[str]) -> bytes:
    """JSON near what is asked for; sometimes with bytes swapped, dropped or repeated."""
    document = draw(
        st.one_of(
            st.builds(lambda key, value: {key: value}, st.sampled_from(keys), st.one_of(rows, dense, records, cells)),
            st.dictionaries(st.sampled_from([*keys, "x"]), st.one_of(rows, dense, records), max_size=3),
            cells,
        )
    )
    text = json.dumps(document, separators=draw(separators)).encode()
    if draw(st.integers(0, 3)) == 0 and text:
        start, end = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        text = (
            text[:start]
            + draw(st.sampled_from([b"", b"]", b"[", b",", b"1", b"\xff", b'"', text[start:end] * 2]))
            + text[end:]
        )
    return text


@given(texts(["rows", "records"]), schemas)
@example(b'{"rows":[[1,2,3],[4]]}', SCHEMAS[1])
@example(b'{"rows":[[],[1,2]]}', SCHEMAS[0])
@example(b'{"rows":[[1],[]]}', SCHEMAS[0])
@example(b'{"rows":[[1,[2]],[3,4]]}', SCHEMAS[1])
@example(b'{"rows":[[1,2]],"rows":[[3,4]]}', SCHEMAS[1])
@example(b'{"r\\u006fws":[[1,2]]}', SCHEMAS[1])
@example(b'{"rows1":[[1,2]]}', SCHEMAS[1])
@example(b'{"rows":[[1 2,3]]}', SCHEMAS[1])
@example(b'{"rows":[[18446744073709551616,-9223372036854775809]]}', SCHEMAS[1])
def test_json_rows_are_read_as_a_strict_reader_does(body: bytes, schema: RowSchema) -> None:
    try:
        expected = strict_rows(strict_json(body), schema, listed="rows", named="records")
    except (ValueError, TypeError, OverflowError, RecursionError):
        assert rejects(decode_rows, body, schema)
        return
    assert rows_of(decode_rows(body, schema), schema) == expected


@given(texts(["instances"]), schemas)
def test_instances_are_read_as_a_strict_reader_does(body: bytes, schema: RowSchema) -> None:
    try:
        document = strict_json(body)
        if isinstance(document, dict) and "instances" in document:
            document = {"instances": document["instances"]}  # the protocol allows more members
        expected = strict_rows(document, schema, listed="instances", named="instances")
    except (ValueError, TypeError, OverflowError, RecursionError):
        assert rejects(decode_instances, body, schema)
        return
    assert rows_of(decode_instances(body, schema), schema) == expected


@given(st.binary(max_size=60), schemas)
def test_no_bytes_break_the_json_decoder(body: bytes, schema: RowSchema) -> None:
    for decode in (decode_rows, decode_instances):
        assert rejects(decode, body, schema)


lines = st.one_of(
    st.lists(cells, max_size=4),
    st.lists(numbers, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), cells),
    cells,
).map(lambda value: json.dumps(value).encode())
breaks = st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b",", b" ", b"],["])


@given(st.lists(st.tuples(lines, breaks), max_size=5), schemas)
@example([(b"[1,2]", b","), (b"[3", b"\n"), (b"4]", b"\n")], SCHEMAS[1])
@example([(b"[1,2],[3,4]", b"\n")], SCHEMAS[1])
@example([(b"[1", b"\n"), (b"2]", b"\n")], SCHEMAS[1])
@example([(b"[1,[2]]", b"\n")], SCHEMAS[1])
def test_ndjson_is_read_as_a_strict_reader_reads_each_line(parts: list[tuple[bytes, bytes]], schema: RowSchema) -> None:
    body = b"".join(line + end for line, end in parts)

    try:
        values = [strict_json(line) for line in body.split(b"\n") if line.strip()]
        key = "records" if values and isinstance(values[0], dict) else "rows"
        expected = strict_rows({key: values}, schema, listed="rows", named="records")
    except (ValueError, TypeError, OverflowError, RecursionError):
        assert rejects(decode_ndjson, body, schema)
        return
    assert rows_of(decode_ndjson(body, schema), schema) == expected


@given(st.binary(max_size=60), schemas)
def test_no_bytes_break_the_ndjson_decoder(body: bytes, schema: RowSchema) -> None:
    assert rejects(decode_ndjson, body, schema) or schema.width == 1


fields = st.one_of(
    numbers.map(str), st.sampled_from(["", " 1 ", "nan", "inf", "1e5", "true", "1_0", "٣", '"1"', '"', "x", "1e999"])
)


headers = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4)


@given(st.lists(st.lists(fields, max_size=3), max_size=4), headers, schemas)
def test_csv_is_read_as_a_strict_reader_does(table: list[list[str]], header: list[str], schema: RowSchema) -> None:
    text = "\n".join(",".join(row) for row in [header, *table]) + "\n"

    try:
        expected = strict_csv(text, schema)
    except (ValueError, csv.Error):
        assert rejects(decode_csv, text.encode(), schema)
        return
    assert rows_of(decode_csv(text.encode(), schema), schema) == expected


def strict_csv(text: str, schema: RowSchema) -> list[Row]:
    header, *table = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    optional = {column.name for column in schema.columns if schema.missing and column.type is NUMBER}
    if not schema.by_name.keys() - optional <= set(header) or not schema.by_name.keys() & set(header):
        raise ValueError
    if len(set(header)) < len(header) or not table or any(len(row) != len(header) for row in table):
        raise ValueError

    def field(row: list[str], column: Column) -> Any:
        return strict_field(row[header.index(column.name)] if column.name in header else "", column, schema)

    return [[field(row, column) for column in schema.columns] for row in table]


def strict_field(text: str, column: Column, schema: RowSchema) -> Any:
    if column.type is CATEGORY:
        return text
    text = text.strip()
    if text.lower() in {"", "nan"}:
        return strict_value(None, column, schema)
    if text.lower() in {"true", "false"}:
        return float(text.lower() == "true")
    if not re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", text):
        raise ValueError
    return strict_value(float(text), column, schema)


@given(st.binary(max_size=60), schemas)
def test_no_bytes_break_the_csv_decoder(body: bytes, schema: RowSchema) -> None:
    assert rejects(decode_csv, body, schema) or body.split(b",")[0].strip() in {b"a", b"b"} or schema.width == 1
