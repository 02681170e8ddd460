"""Every decoder against a slow, strict reading of the same bytes: never another row, never an unforeseen error."""

import csv
import io
import json
import math
import re
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pynomaly_inference.features import FeatureType, category_text
from pynomaly_inference.server.decoding.csv_rows import decode_csv
from pynomaly_inference.server.decoding.json_rows import decode_instances, decode_rows
from pynomaly_inference.server.decoding.oip import decode_infer
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import Column, RowSchema

NUMBER, CATEGORY = FeatureType.NUMBER, FeatureType.CATEGORY


def schema_of(*types: FeatureType, missing: bool = False) -> RowSchema:
    seen = dict.fromkeys(FeatureType, 0)
    columns = []
    for name, kind in zip("abcdef", types, strict=False):
        columns.append(Column(name, kind, seen[kind]))
        seen[kind] += 1
    by_name = {column.name: column for column in columns}
    return RowSchema(tuple(columns), by_name, seen[NUMBER], seen[CATEGORY], missing)


SCHEMAS = [
    schema_of(NUMBER),
    schema_of(NUMBER, NUMBER),
    schema_of(NUMBER, NUMBER, NUMBER, missing=True),
    schema_of(NUMBER, CATEGORY, NUMBER),
    schema_of(CATEGORY, NUMBER, missing=True),
]
schemas = st.sampled_from(SCHEMAS)
Row = list[Any]


def rejects(decode: Any, *arguments: Any) -> bool:
    """Whether the decoder refuses; any error but Rejected, or one that is not the client's, goes through."""
    try:
        decode(*arguments)
    except Rejected as rejected:
        if 400 <= rejected.status < 500 and rejected.detail:
            return True
        raise
    return False


def rows_of(decoded: Any, schema: RowSchema) -> list[Row]:
    """The decoded rows in the resource's order; NaN as None, so that rows can be compared."""
    rows: list[Row] = []
    for index in range(len(decoded)):
        row: Row = []
        for column in schema.columns:
            if column.type is CATEGORY:
                row.append(decoded.categories[index, column.position])
            else:
                number = float(decoded.numbers[index, column.position])
                row.append(None if math.isnan(number) else number)
        rows.append(row)
    return rows


def strict_value(value: Any, column: Column, schema: RowSchema) -> Any:
    if column.type is CATEGORY:
        if isinstance(value, list | dict):
            raise ValueError
        return category_text(value)
    if value is None:
        if not schema.missing:
            raise ValueError
        return None
    if not isinstance(value, bool | int | float):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def strict_rows(document: Any, schema: RowSchema, *, listed: str, named: str) -> list[Row]:
    """The rows of a parsed document; raises when it has none of this schema."""
    if not isinstance(document, dict) or len(document) != 1:
        raise ValueError
    ((key, rows),) = document.items()
    if not isinstance(rows, list) or not rows:
        raise ValueError
    read: list[Row] = []
    as_records = key == named and (listed != named or isinstance(rows[0], dict))
    if key not in {listed, named}:
        raise ValueError
    for row in rows:
        if as_records:
            optional = {column.name for column in schema.columns if schema.missing and column.type is NUMBER}
            if not isinstance(row, dict) or not schema.by_name.keys() - optional <= row.keys() <= schema.by_name.keys():
                raise ValueError
            values = [row.get(name) for name in schema.by_name]
        else:
            values = row
        if not isinstance(values, list) or len(values) != schema.width:
            raise ValueError
        read.append([strict_value(value, column, schema) for value, column in zip(values, schema.columns, strict=True)])
    return read


def strict_json(body: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0, -0.0, 1e300])
)
cells = st.one_of(
    numbers, numbers, numbers, st.none(), st.booleans(), st.text(max_size=3), st.lists(numbers, max_size=2)
)
rows = st.lists(st.one_of(st.lists(cells, max_size=4), st.lists(numbers, min_size=2, max_size=2), cells), max_size=4)
dense = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=4)
)
records = st.lists(st.one_of(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), cells), cells), max_size=4)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])


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


fields = st.one_of(
    numbers.map(str), st.sampled_from(["", " 1 ", "nan", "inf", "1e5", "true", "1_0", "٣", '"1"', '"', "x", "1e999"])
)


@given(st.lists(st.lists(fields, max_size=3), max_size=4), st.permutations(["a", "b", "c"]), schemas)
def test_csv_is_read_as_a_strict_reader_does(table: list[list[str]], names: list[str], schema: RowSchema) -> None:
    header = [name for name in names if name in schema.by_name]
    text = "\n".join(",".join(row) for row in [header, *table]) + "\n"

    try:
        expected = strict_csv(text, schema)
    except (ValueError, csv.Error):
        assert rejects(decode_csv, text.encode(), schema)
        return
    assert rows_of(decode_csv(text.encode(), schema), schema) == expected


def strict_csv(text: str, schema: RowSchema) -> list[Row]:
    header, *table = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    if sorted(header) != sorted(schema.by_name) or not table or any(len(row) != len(header) for row in table):
        raise ValueError
    return [
        [strict_field(row[header.index(column.name)], column, schema) for column in schema.columns] for row in table
    ]


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


LAYOUTS = {"FP64": "d", "FP32": "f", "FP16": "e", "INT64": "q", "INT32": "i", "INT8": "b", "UINT64": "Q", "BOOL": "?"}


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from([b"", b" ", b"       "]),
)
def test_binary_tensors_of_every_datatype_are_the_numbers_that_they_hold(
    datatype: str, matrix: list[list[int]], padding: bytes
) -> None:
    values = [value for row in matrix for value in row]
    data = b"".join(struct.pack("<" + LAYOUTS[datatype], value) for value in values)
    tensor = {
        "name": "X",
        "shape": [len(matrix), 2],
        "datatype": datatype,
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor]}).encode() + padding

    decoded = decode_infer(head + data, len(head), SCHEMAS[1]).rows.numbers

    assert decoded.dtype == np.float64
    assert decoded.flags.aligned
    assert decoded.tolist() == matrix


@given(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=4), separators, st.booleans())
def test_json_tensors_are_read_alike_flat_and_nested(matrix: list[list[Any]], spacing: Any, nested: bool) -> None:
    values = [float(value) for row in matrix for value in row]
    data: list[Any] = matrix if nested else [value for row in matrix for value in row]
    tensor = {"name": "X", "shape": [len(matrix), 2], "datatype": "FP64", "data": data}
    body = json.dumps({"id": "7", "inputs": [tensor]}, separators=spacing).encode()

    request = decode_infer(body, None, SCHEMAS[1])

    assert request.rows.numbers.ravel().tolist() == values
    assert request.document.id == "7"


TENSOR: dict[str, Any] = {"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}
VALID = json.dumps({"inputs": [TENSOR]}).encode()


@given(st.binary(max_size=80), st.one_of(st.none(), st.integers(0, 90)), schemas)
@example(VALID, len(VALID) + 1, SCHEMAS[1])
@example(VALID + b"12345678", len(VALID), SCHEMAS[1])
@example(b'{"inputs":[{"name":"X","shape":[1,2],"datatype":"FP64","data":[[1,2]]},{"data":[]}]}', None, SCHEMAS[1])
def test_no_bytes_break_the_tensor_decoder(body: bytes, length: int | None, schema: RowSchema) -> None:
    assert rejects(decode_infer, body, length, schema)


@given(st.data(), schemas)
def test_no_edit_of_a_tensor_request_breaks_the_decoder_or_changes_its_numbers(
    data: st.DataObject, schema: RowSchema
) -> None:
    start = data.draw(st.integers(0, len(VALID)))
    end = data.draw(st.integers(start, min(start + 4, len(VALID))))
    body = (
        VALID[:start]
        + data.draw(st.sampled_from([b"", b"0", b"[", b"]", b",", b'"', b"\\", b"data", b"\x00"]))
        + VALID[end:]
    )

    try:
        request = decode_infer(body, None, schema)
    except Rejected:
        return
    document = strict_json(body)
    (tensor,) = document["inputs"]
    assert request.rows.numbers.ravel().tolist() == [float(value) for value in np.ravel(tensor["data"])]
    assert list(request.rows.numbers.shape) == tensor["shape"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"inputs": [TENSOR | {"data": [1, 2, 3]}]}, "the shape [1, 2] asks for 2 values, not 3"),
    ({"inputs": [TENSOR | {"shape": [2, 2], "data": [[1, 2], [2]]}]}, "not every row of `data` has 2 values"),
    ({"inputs": [TENSOR | {"data": [[1, 2], [3, 4]], "shape": [2, 2]}, TENSOR]}, "an input is there twice"),
    ({"inputs": [TENSOR | {"shape": [2]}]}, "`shape` must be [rows, features]"),
    ({"inputs": [TENSOR | {"shape": [2, 1]}]}, "has 1 features; the model takes 2: `a`, `b`"),
    ({"inputs": [TENSOR | {"shape": [0, 2], "data": []}]}, "has no rows"),
    ({"inputs": [TENSOR | {"shape": [1.0, 2]}]}, "`shape` must be"),
    ({"inputs": [TENSOR | {"datatype": "FP128"}]}, "`datatype` must be one of BOOL, UINT8"),
    ({"inputs": [TENSOR | {"datatype": "BYTES", "data": ["1", "2"]}]}, "is BYTES; it takes numbers"),
    ({"inputs": [TENSOR | {"datatype": "INT8", "data": [1, 200]}]}, "row 1: `b` is 200, beyond INT8"),
    ({"inputs": [TENSOR | {"datatype": "INT64", "data": [1, 2.5]}]}, "row 1: `b` is 2.5; it takes INT64"),
    ({"inputs": [TENSOR | {"datatype": "FP32", "data": [1, 1e39]}]}, "row 1: `b` is infinite"),
    ({"inputs": [TENSOR | {"data": [1, "2"]}]}, "row 1: `b` is the text '2'; it takes FP64"),
    ({"inputs": [TENSOR | {"data": [1, None]}]}, "row 1: `b` is missing, and this model takes no missing values"),
    ({"inputs": [TENSOR | {"name": "Y"}]}, "the model takes the inputs `X` alone, not `Y`"),
    ({"inputs": []}, "not none"),
    ({"inputs": [TENSOR | {"parameters": {"binary_data_size": 16}}]}, "has both `data` and `binary_data_size`"),
    ({"inputs": [TENSOR], "outputs": [{}]}, 'an entry of `outputs` must be {"name": NAME}'),
    (
        {"inputs": [TENSOR], "parameters": {"binary_data_output": 1}},
        "`binary_data_output` is 1; it takes true or false",
    ),
    ({"inputs": [TENSOR], "id": 7}, "`id` is 7; it takes text"),
    ({"inputs": {"X": TENSOR}}, "`inputs` is an object; it takes a list of tensors"),
]


@pytest.mark.parametrize(("document", "sentence"), REFUSED)
def test_a_tensor_request_that_cannot_be_scored_says_what_to_change(document: Any, sentence: str) -> None:
    with pytest.raises(Rejected, match=re.escape(sentence)):
        decode_infer(json.dumps(document).encode(), None, SCHEMAS[1])


@pytest.mark.parametrize(
    ("values", "row", "sentence"),
    [([1, 2, 3, math.inf], 2, "`b` is infinite"), ([1, math.nan, 3, 4], 1, "`b` is missing, and this model")],
)
def test_a_binary_number_that_is_not_finite_names_its_row(values: list[float], row: int, sentence: str) -> None:
    data = struct.pack("<4d", *values)
    tensor = {"name": "X", "shape": [2, 2], "datatype": "FP64", "parameters": {"binary_data_size": 32}}
    head = json.dumps({"inputs": [tensor]}).encode()

    with pytest.raises(Rejected, match=sentence) as caught:
        decode_infer(head + data, len(head), SCHEMAS[1])
    assert (caught.value.row, caught.value.feature) == (row, "b")


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.binary(max_size=6))
def test_binary_texts_are_read_exactly_or_refused(levels: list[str], rest: bytes) -> None:
    numeric = struct.pack(f"<{len(levels) * 2}d", *range(len(levels) * 2))
    data = b"".join(struct.pack("<I", len(level.encode())) + level.encode() for level in levels)
    for tail in (b"", rest):
        inputs = [
            {
                "name": "X",
                "shape": [len(levels), 2],
                "datatype": "FP64",
                "parameters": {"binary_data_size": len(numeric)},
            },
            {
                "name": "C",
                "shape": [len(levels), 1],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(data + tail)},
            },
        ]
        head = json.dumps({"inputs": inputs}).encode()
        body = head + numeric + data + tail
        if tail:
            assert rejects(decode_infer, body, len(head), SCHEMAS[3])
        else:
            categories = decode_infer(body, len(head), SCHEMAS[3]).rows.categories
            assert categories is not None
            assert categories[:, 0].tolist() == levels
