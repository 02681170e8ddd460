"""Arrow IPC streams and Parquet files: columns by name, in any order; null is a missing value.

What nanoarrow cannot read, or could only read without a bound on memory, is rewritten as a plain stream by a process of
its own (`table_process`): Parquet, and streams with compressed batches, dictionaries or views.
"""

import contextlib

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.arrow_columns import Batch, batches_of, category_column, number_column
from pynomaly_inference.server.decoding.arrow_messages import announced, damaged
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.names import extra_names, lacks
from pynomaly_inference.server.decoding.table_process import ARROW, PARQUET, TableProcess
from pynomaly_inference.server.decoding.values import check_numbers
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_UNSUPPORTED = 95
"""ENOTSUP on Linux: what nanoarrow raises for a type that it does not know."""
_PARQUET_MAGIC = b"PAR1"
_MOST_CELLS = 2**28
"""Cells of one request where no limit of rows is set: 2 GiB of float64."""


def decode_arrow(body: bytes, schema: RowSchema, most_rows: int | None, tables: TableProcess) -> Decoded:
    """The rows of an Arrow IPC stream; raises Rejected 400, 413 or 422.

    most_rows is looked at before anything is decoded.
    """
    if not body:
        raise Rejected(400, "the body is empty: send an Arrow IPC stream with a column for each feature")
    stream = announced(body)
    check_rows(stream.rows, schema, most_rows)
    if stream.plain:
        with contextlib.suppress(NotImplementedError):
            return decode_plain(body, schema, most_rows)
    return _rewritten(ARROW, body, schema, most_rows, tables)


def decode_parquet(body: bytes, schema: RowSchema, most_rows: int | None, tables: TableProcess) -> Decoded:
    """The rows of a Parquet file; raises Rejected 400, 413 or 422."""
    if not body:
        raise Rejected(400, "the body is empty: send a Parquet file with a column for each feature")
    if not body.startswith(_PARQUET_MAGIC) or not body.endswith(_PARQUET_MAGIC):
        raise Rejected(400, "the body is not a Parquet file: it does not begin and end as one does")
    return _rewritten(PARQUET, body, schema, most_rows, tables)


def _rewritten(kind: str, body: bytes, schema: RowSchema, most_rows: int | None, tables: TableProcess) -> Decoded:
    most = _MOST_CELLS // max(schema.width, 1) if most_rows is None else most_rows
    plain, ignored = tables.rewrite(kind, body, schema, most)
    return decode_plain(plain, schema, most)._replace(ignored=ignored)


def decode_plain(body: bytes, schema: RowSchema, most_rows: int | None) -> Decoded:
    """The rows of a stream without compression and dictionaries; NotImplementedError when nanoarrow lacks a type."""
    check_rows(announced(body).rows, schema, most_rows)
    numbers, categories, ignored = [], [], 0
    row = 1
    try:
        for batch in batches_of(body):
            names = batch.formats.keys()
            refused = lacks(names, schema, "the stream")
            if refused is not None:
                raise refused
            ignored = len(extra_names(names, schema))
            numbers.append(_matrix(batch, schema))
            categories.append(_categories(batch, schema, row))
            row += batch.rows
    except RuntimeError as error:  # nanoarrow's own error is one, and is not exported
        if getattr(error, "code", None) == _UNSUPPORTED:
            raise NotImplementedError(str(error)) from error
        raise damaged(str(error)) from error
    if row == 1:
        raise Rejected(422, "the body has no rows: send at least one")
    joined = np.concatenate(numbers)
    check_numbers(joined, schema)
    return Decoded(Rows(joined, np.concatenate(categories) if schema.categories else None), ignored)


def check_rows(rows: int, schema: RowSchema, most_rows: int | None) -> None:
    """Raises Rejected 413 when so many rows are not to be decoded."""
    most = _MOST_CELLS // max(schema.width, 1) if most_rows is None else most_rows
    if rows > most:
        raise Rejected(413, f"the request has {rows} rows; at most {most} are taken: split it")


def _matrix(batch: Batch, schema: RowSchema) -> NDArray[np.float64]:
    matrix = np.full((batch.rows, schema.numbers), np.nan)
    for column in schema.columns:
        if column.type is FeatureType.NUMBER and column.name in batch.formats:
            matrix[:, column.position] = number_column(batch, column.name)
    return matrix


def _categories(batch: Batch, schema: RowSchema, first_row: int) -> NDArray[np.object_]:
    texts = np.empty((batch.rows, schema.categories), object)
    for column in schema.columns:
        if column.type is FeatureType.CATEGORY:
            texts[:, column.position] = category_column(batch, column.name, first_row)
    return texts
