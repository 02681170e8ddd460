"""A slow, strict reading of the bodies that the decoders read fast."""

import json
import math
from typing import Any

from hypothesis import strategies as st

from pynomaly_inference.features import FeatureType, category_text
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
    decoded = decoded.rows
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
            if not isinstance(row, dict) or not schema.by_name.keys() - optional <= row.keys():
                raise ValueError
            if not schema.by_name.keys() & row.keys():
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
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])
