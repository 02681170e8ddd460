"""`{"rows": [[...]]}` and `{"records": [{...}]}`, and KServe's `{"instances": [...]}` of either."""

from typing import Any

import numpy as np
import orjson
import simdjson

from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.names import extra_names, lacks
from pynomaly_inference.server.decoding.values import rows_of_columns, shown
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

ROWS, RECORDS, INSTANCES = "rows", "records", "instances"
_OF_NUMBERS = b"0123456789.eE+- \t\r\n"
SIMDJSON_ERRORS = (ValueError, RuntimeError, KeyError, TypeError)
"""What simdjson raises for a document that it cannot read, or that is not shaped as asked."""


def decode_rows(body: bytes, schema: RowSchema) -> Decoded:
    """The rows of `/v1/score`; raises Rejected: 400 for what is no JSON, 422 for what is no row of the model."""
    rows = None if schema.categories else _dense(body, schema.width, ROWS)
    if rows is not None:
        return Decoded(rows)
    document = parse_json(body)
    if not isinstance(document, dict) or not document.keys() & {ROWS, RECORDS}:
        raise Rejected(422, 'the body must be {"rows": [[...], ...]} or {"records": [{...}, ...]}')
    if len(document) > 1:
        extra = next(key for key in document if key != (ROWS if ROWS in document else RECORDS))
        raise Rejected(422, f"the body has `{extra}`: it takes `rows` or `records`, one of them and nothing else")
    if ROWS in document:
        return Decoded(rows_of_lists(_checked(document[ROWS], ROWS), schema))
    return rows_of_records(_checked(document[RECORDS], RECORDS), schema)


def decode_instances(body: bytes, schema: RowSchema) -> Decoded:
    """The rows of KServe's v1 protocol: `instances` are lists of values or objects, all of one kind."""
    rows = None if schema.categories else _dense(body, schema.width, INSTANCES)
    if rows is not None:
        return Decoded(rows)
    document = parse_json(body)
    instances = document.get(INSTANCES) if isinstance(document, dict) else None
    if instances is None:
        raise Rejected(422, 'the body must be {"instances": [[...], ...]} or {"instances": [{...}, ...]}')
    if isinstance(_checked(instances, INSTANCES)[0], dict):
        return rows_of_records(instances, schema)
    return Decoded(rows_of_lists(instances, schema))


def parse_json(body: bytes) -> Any:
    """The document; raises Rejected 400 when it is no JSON, with the place."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        hint = ". JSON has no NaN: a missing value is null" if b"NaN" in body else ""
        raise Rejected(400, f"the body is not JSON: {error}{hint}" if body else "the body is empty") from error


def _dense(body: bytes, width: int, key: str) -> Rows | None:
    """The matrix of a body that holds nothing but finite numbers in rows of `width`; None: `parse_json` must decide.

    simdjson flattens nested arrays without a word, so the shape is proven on the text: with everything that numbers
    are made of removed, the body must be `{"rows":[[,,],[,,]]}` with the right number of commas in each row. In valid
    JSON, n rows of `width - 1` commas with `n * width` numbers in total are n rows of `width` numbers.
    """
    skeleton = body.translate(None, _OF_NUMBERS)
    head, row, tail = b'{"%s":[' % key.encode(), b"[" + b"," * (width - 1) + b"],", b"]}"
    count, rest = divmod(len(skeleton) - len(head) - len(tail) + 1, len(row))
    if rest or count < 1 or skeleton != head + (row * count)[:-1] + tail:
        return None
    try:
        document: Any = simdjson.Parser().parse(body)
        values = np.frombuffer(document[key].as_buffer(of_type="d"), np.float64)
    except SIMDJSON_ERRORS:
        return None
    return Rows(values.reshape(count, width)) if values.size == count * width else None


def rows_of_lists(rows: list[Any], schema: RowSchema) -> Rows:
    """Rows of JSON lists, each with the features in the model's order; raises Rejected 422. There is at least one."""
    width = schema.width
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list):
            raise Rejected(422, f"row {number} is {shown(row)}; it takes a list of {width} values", row=number)
        if len(row) != width:
            raise Rejected(
                422, f"row {number} has {len(row)} values; the model takes {width}: {schema.listed()}", row=number
            )
    return rows_of_columns([[row[index] for row in rows] for index in range(width)], schema)


def rows_of_records(records: list[Any], schema: RowSchema) -> Decoded:
    """Rows of JSON objects, the features by name; raises Rejected 422. There is at least one.

    A feature that an object lacks is a missing value, where the model takes them; a name of no feature is ignored.
    """
    names = schema.by_name.keys()
    ignored: set[str] = set()
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise Rejected(
                422, f"row {number} is {shown(record)}; it takes an object with {schema.listed()}", row=number
            )
        if record.keys() != names:
            refused = lacks(record.keys(), schema, f"row {number}")
            if refused is not None:
                raise Rejected(422, refused.detail, row=number, feature=refused.feature)
            ignored |= extra_names(record.keys(), schema)
    columns = [[record.get(name) for record in records] for name in names]
    return Decoded(rows_of_columns(columns, schema), len(ignored))


def _checked(rows: Any, key: str) -> list[Any]:
    if not isinstance(rows, list):
        raise Rejected(422, f"`{key}` is {shown(rows)}; it takes a list")
    if not rows:
        raise Rejected(422, f"`{key}` is empty: send at least one row")
    return rows
