"""The columns of a plain Arrow stream, read off their buffers.

Only for streams that `table_program` has written: nanoarrow does not survive every damaged one.
"""

import io
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import nanoarrow
import numpy as np
from nanoarrow.ipc import InputStream
from numpy.typing import NDArray

from pynomaly_inference.features import MISSING_CATEGORY, category_text
from pynomaly_inference.server.rejected import Rejected

_BOOLEAN, _NULL = "b", "n"
_TEXTS = frozenset("uU")
"""Formats of the Arrow C data interface; every other one that arrives here is of integers or floats."""
_BITS = 8


class Batch(NamedTuple):
    """One batch: of each column its format and nanoarrow's view of its buffers, by name."""

    formats: Mapping[str, str]
    views: Mapping[str, Any]
    rows: int


def batches_of(body: bytes) -> Iterator[Batch]:
    """The batches of a stream that are not empty."""
    with InputStream.from_readable(io.BytesIO(body)) as stream, nanoarrow.c_array_stream(stream) as arrays:
        formats = {field.name: field.format for field in arrays.get_schema().children}
        for array in arrays:
            if len(array):
                views = {name: array.child(index).view() for index, name in enumerate(formats)}
                yield Batch(formats, views, len(array))


def number_column(batch: Batch, name: str) -> NDArray[np.float64]:
    """A column as float64, null as NaN."""
    kind = batch.formats[name]
    if kind == _NULL:
        return np.full(batch.rows, np.nan)
    if kind in _TEXTS:
        raise Rejected(422, f"column `{name}` is text; it takes numbers", feature=name)
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        numbers = _values(batch, name).astype(np.float64)
    valid = _valid(batch, name)
    if valid is not None:
        numbers[~valid] = np.nan
    return numbers


def category_column(batch: Batch, name: str) -> list[str]:
    """A column as the texts under which the model knows its levels."""
    kind = batch.formats[name]
    if kind == _NULL:
        return [MISSING_CATEGORY] * batch.rows
    texts = _texts(batch, name) if kind in _TEXTS else list(map(category_text, _values(batch, name).tolist()))
    valid = _valid(batch, name)
    if valid is None:
        return texts
    return [text if there else MISSING_CATEGORY for text, there in zip(texts, valid.tolist(), strict=True)]


def _values(batch: Batch, name: str) -> NDArray[Any]:
    """Numbers or booleans as they are, whatever stands where the column is null."""
    view = batch.views[name]
    if batch.formats[name] == _BOOLEAN:
        return _bits(view.buffer(1), view.offset, batch.rows)
    values: NDArray[Any] = np.asarray(view.buffer(1))[view.offset : view.offset + batch.rows]
    return values


def _texts(batch: Batch, name: str) -> list[str]:
    view = batch.views[name]
    offsets = np.asarray(view.buffer(1))[view.offset : view.offset + batch.rows + 1].tolist()
    content = np.asarray(view.buffer(2)).tobytes()
    try:
        return [content[start:end].decode() for start, end in pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise Rejected(400, f"column `{name}` holds bytes that are no UTF-8 text", feature=name) from error


def _valid(batch: Batch, name: str) -> NDArray[np.bool_] | None:
    """Where a column is not null; None when that is everywhere."""
    view = batch.views[name]
    buffer = view.buffer(0)
    return _bits(buffer, view.offset, batch.rows) if buffer.size_bytes else None


def _bits(buffer: Any, offset: int, count: int) -> NDArray[np.bool_]:
    packed = np.asarray(buffer).view(np.uint8)[offset // _BITS : (offset + count + _BITS - 1) // _BITS]
    bits = np.unpackbits(packed, bitorder="little")[offset % _BITS :][:count]
    return bits.astype(bool)
