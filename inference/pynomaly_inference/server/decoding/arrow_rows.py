"""Arrow IPC streams and Parquet files: columns by name, in any order; null is a missing value.

Both are read by a process of its own (`table_process`): no library reads all damaged ones without ever ending its
process. Of what it writes, a plain stream, this module makes rows.
"""

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.arrow_columns import Batch, batches_of, category_column, number_column
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.names import lacks
from pynomaly_inference.server.decoding.table_process import ARROW, PARQUET, TableProcess
from pynomaly_inference.server.decoding.values import check_numbers
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_PARQUET_MAGIC = b"PAR1"
_STREAM_START = b"\xff\xff\xff\xff"
_MOST_CELLS = 2**28
"""Cells of one request where no limit of rows is set: 2 GiB of float64."""


def decode_arrow(body: bytes, schema: RowSchema, most_rows: int | None, tables: TableProcess) -> Decoded:
    """The rows of an Arrow IPC stream; raises Rejected 400, 413 or 422."""
    if not body:
        raise Rejected(400, "the body is empty: send an Arrow IPC stream with a column for each feature")
    if not body.startswith(_STREAM_START):
        raise Rejected(400, "the body is not an Arrow IPC stream: it does not begin as one does")
    return _decode(ARROW, body, schema, most_rows, tables)


def decode_parquet(body: bytes, schema: RowSchema, most_rows: int | None, tables: TableProcess) -> Decoded:
    """The rows of a Parquet file; raises Rejected 400, 413 or 422."""
    if not body:
        raise Rejected(400, "the body is empty: send a Parquet file with a column for each feature")
    if not body.startswith(_PARQUET_MAGIC) or not body.endswith(_PARQUET_MAGIC):
        raise Rejected(400, "the body is not a Parquet file: it does not begin and end as one does")
    return _decode(PARQUET, body, schema, most_rows, tables)


def _decode(kind: str, body: bytes, schema: RowSchema, most_rows: int | None, tables: TableProcess) -> Decoded:
    most = _MOST_CELLS // max(schema.width, 1) if most_rows is None else most_rows
    plain, ignored = tables.rewrite(kind, body, schema, most)
    numbers, categories = [], []
    for batch in batches_of(plain):
        refused = lacks(batch.formats.keys(), schema, "the table")
        if refused is not None:
            raise refused
        numbers.append(_matrix(batch, schema))
        categories.append(_categories(batch, schema))
    joined = np.concatenate(numbers)
    check_numbers(joined, schema)
    return Decoded(Rows(joined, np.concatenate(categories) if schema.categories else None), ignored)


def _matrix(batch: Batch, schema: RowSchema) -> NDArray[np.float64]:
    matrix = np.full((batch.rows, schema.numbers), np.nan)
    for column in schema.columns:
        if column.type is FeatureType.NUMBER and column.name in batch.formats:
            matrix[:, column.position] = number_column(batch, column.name)
    return matrix


def _categories(batch: Batch, schema: RowSchema) -> NDArray[np.object_]:
    texts = np.empty((batch.rows, schema.categories), object)
    for column in schema.columns:
        if column.type is FeatureType.CATEGORY:
            texts[:, column.position] = category_column(batch, column.name)
    return texts
