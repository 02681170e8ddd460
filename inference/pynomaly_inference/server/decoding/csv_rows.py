"""CSV with a header (RFC 4180): columns by name, in any order; an empty field is a missing value."""

import contextlib
import csv
import io
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.names import extra_names, lacks
from pynomaly_inference.server.decoding.values import infinite_number, missing_number, shown
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_OF_NUMBERS = str.maketrans("", "", "0123456789+-.eE")
"""Removes all that a column of plain numbers is made of; of these characters, `float` takes what `_NUMBER` does."""
_WORDS = {"true": 1.0, "false": 0.0, "nan": math.nan}
"""What a column of numbers may say besides, in any case; the trainer reads booleans as 0 and 1 too."""


def decode_csv(body: bytes, schema: RowSchema) -> Decoded:
    """The rows below the header; raises Rejected: 400 for what is no CSV, 422 for what is no row of the model.

    A column that lacks is missing values, where the model takes them; a column of no feature is ignored.
    """
    table = _table(body)
    header = table[0]
    _check_header(header, schema)
    rows = table[1:]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise Rejected(422, f"row {number} has {len(row)} fields; the header has {len(header)}", row=number)
    numbers = np.full((len(rows), schema.numbers), math.nan)
    categories = np.empty((len(rows), schema.categories), object) if schema.categories else None
    for index, name in enumerate(header):
        column = schema.by_name.get(name)
        if column is None:
            continue
        texts = [row[index] for row in rows]
        if column.type is FeatureType.NUMBER:
            numbers[:, column.position] = _numbers(texts, name, missing=schema.missing)
        elif categories is not None:
            categories[:, column.position] = texts
    return Decoded(Rows(numbers, categories), len(extra_names(header, schema)))


def _table(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(
            400, f"the body is not UTF-8 text: byte {error.start + 1} is {body[error.start]:#04x}"
        ) from error
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise Rejected(400, f"the body is not CSV: {error}") from error
    if not table:
        raise Rejected(400, "the body is empty: send a header line with the features' names, and the rows below it")
    if len(table) == 1:
        raise Rejected(422, "there is no row below the header: send at least one")
    return table


def _check_header(header: Sequence[str], schema: RowSchema) -> None:
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise Rejected(422, f"the header names `{name}` twice", feature=name)
        seen.add(name)
    refused = lacks(seen, schema, "the header")
    if refused is not None:
        raise refused


def _numbers(texts: Sequence[str], feature: str, *, missing: bool) -> NDArray[np.float64]:
    whole = "".join(texts)
    if whole.isascii() and not whole.translate(_OF_NUMBERS):
        with contextlib.suppress(ValueError):  # an empty field, or what is no number: found below
            column = np.array([float(text) for text in texts])
            if np.isfinite(column).all():
                return column
    return np.array([_number(text, row, feature, missing) for row, text in enumerate(texts, start=1)])


def _number(text: str, row: int, feature: str, missing: bool) -> float:
    text = text.strip()
    # float() alone would take `1_000`, `infinity` and digits of other scripts.
    number = float(text) if _NUMBER.fullmatch(text) else _WORDS.get(text.lower() or "nan")
    if number is None:
        raise Rejected(422, f"row {row}: `{feature}` is {shown(text)}; it takes a number", row=row, feature=feature)
    if math.isinf(number):
        raise infinite_number(row, feature)
    if math.isnan(number) and not missing:
        raise missing_number(row, feature)
    return number
