"""NDJSON: one row a line, as a list or an object; empty lines are skipped.

Source: NDJSON 1.0.0 (github.com/ndjson/ndjson-spec).
"""

from typing import Any

import numpy as np
import orjson
import simdjson

from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.json_rows import SIMDJSON_ERRORS, rows_of_lists, rows_of_records
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_OF_NUMBERS = b"0123456789.eE+- \t\r"


def decode_ndjson(body: bytes, schema: RowSchema) -> Decoded:
    """The rows of the lines; raises Rejected: 400 for what is no JSON, 422 for what is no row of the model."""
    dense = None if schema.categories else _dense(body, schema.width)
    if dense is not None:
        return Decoded(dense)
    rows = [parse_line(line, number) for number, line in enumerate(lines_of(body), start=1)]
    if not rows:
        raise Rejected(400, "the body is empty: send one row a line, as a list or an object")
    return rows_of_lines(rows, schema)


def lines_of(body: bytes) -> list[bytes]:
    """The lines that are not empty."""
    return [line for line in body.split(b"\n") if line and not line.isspace()]


def parse_line(line: bytes, row: int) -> Any:
    """The JSON value of a line; raises Rejected 400 that names the row."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        hint = ". JSON has no NaN: a missing value is null" if b"NaN" in line else ""
        raise Rejected(400, f"row {row} is not JSON: {error}{hint}", row=row) from error


def rows_of_lines(rows: list[Any], schema: RowSchema) -> Decoded:
    """The rows of parsed lines, at least one and all of one kind; raises Rejected 422."""
    if isinstance(rows[0], dict):
        return rows_of_records(rows, schema)
    return Decoded(rows_of_lists(rows, schema))


def _dense(body: bytes, width: int) -> Rows | None:
    """The matrix of lines that hold nothing but `width` finite numbers; None: line by line must decide.

    As with `{"rows": ...}` the shape is proven on the text: with everything that numbers are made of removed, each line
    must be `[,,]` with the right number of commas, so that no line holds two rows and no row two lines.
    """
    body = body if body.endswith(b"\n") else body + b"\n"
    skeleton = body.translate(None, _OF_NUMBERS)
    row = b"[" + b"," * (width - 1) + b"]\n"
    count, rest = divmod(len(skeleton), len(row))
    if rest or count < 1 or skeleton != row * count:
        return None
    try:
        document: Any = simdjson.Parser().parse(b"[" + body[:-1].replace(b"\n", b",") + b"]")
        values = np.frombuffer(document.as_buffer(of_type="d"), np.float64)
    except SIMDJSON_ERRORS:
        return None
    return Rows(values.reshape(count, width)) if values.size == count * width else None
