"""The columns of an Arrow stream, read off their buffers.

Nothing is believed of a damaged stream: each buffer's size and each offset is looked at before it is used.
"""

import io
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import nanoarrow
import numpy as np
from nanoarrow.ipc import InputStream
from numpy.typing import NDArray

from pynomaly_inference.features import MISSING_CATEGORY, category_text
from pynomaly_inference.server.decoding.arrow_messages import damaged
from pynomaly_inference.server.rejected import Rejected

_NUMBERS = frozenset("cCsSiIlLefg")
"""Formats of integers and floats in the Arrow C data interface."""
_BOOLEAN, _NULL = "b", "n"
_TEXTS = frozenset("uU")
_BITS = 8


class Batch(NamedTuple):
    """One batch: of each column its format and nanoarrow's view of its buffers, by name."""

    formats: Mapping[str, str]
    views: Mapping[str, Any]
    rows: int


def batches_of(body: bytes) -> Iterator[Batch]:
    """The batches of a stream that are not empty; raises Rejected, and RuntimeError for what it cannot read."""
    with InputStream.from_readable(io.BytesIO(body)) as stream, nanoarrow.c_array_stream(stream) as arrays:
        fields = [(field.name, field.format) for field in arrays.get_schema().children]
        formats = dict(fields)
        if len(formats) < len(fields):
            names = [name for name, _ in fields]
            raise Rejected(422, f"the stream has two columns `{next(name for name in names if names.count(name) > 1)}`")
        for array in arrays:
            if len(array):
                views = {name: array.child(index).view() for index, name in enumerate(formats)}
                yield Batch(formats, views, len(array))


def number_column(batch: Batch, name: str) -> NDArray[np.float64]:
    """A column as float64, null as NaN."""
    kind = batch.formats[name]
    if kind == _NULL:
        return np.full(batch.rows, np.nan)
    if kind not in _NUMBERS and kind != _BOOLEAN:
        raise _wrong_type(name, kind, "numbers")
    numbers = _values(batch, name).astype(np.float64)
    valid = _valid(batch, name)
    if valid is not None:
        numbers[~valid] = np.nan
    return numbers


def category_column(batch: Batch, name: str, first_row: int) -> list[str]:
    """A column as the texts under which the model knows its levels. first_row: the number of the batch's first row."""
    kind = batch.formats[name]
    if kind == _NULL:
        return [MISSING_CATEGORY] * batch.rows
    if kind in _TEXTS:
        texts = _texts(batch, name, first_row)
    elif kind in _NUMBERS or kind == _BOOLEAN:
        texts = [category_text(value) for value in _values(batch, name).tolist()]
    else:
        raise _wrong_type(name, kind, "text, numbers or booleans")
    valid = _valid(batch, name)
    if valid is None:
        return texts
    return [text if there else MISSING_CATEGORY for text, there in zip(texts, valid.tolist(), strict=True)]


def _values(batch: Batch, name: str) -> NDArray[Any]:
    """Numbers or booleans as they are, whatever stands where the column is null."""
    view = batch.views[name]
    if batch.formats[name] == _BOOLEAN:
        return _bits(view.buffer(1), view.offset, batch.rows, name)
    values: NDArray[Any] = np.asarray(view.buffer(1))[view.offset : view.offset + batch.rows]
    _check_size(values, batch.rows, name)
    return values


def _texts(batch: Batch, name: str, first_row: int) -> list[str]:
    view = batch.views[name]
    offsets = np.asarray(view.buffer(1))[view.offset : view.offset + batch.rows + 1].tolist()
    _check_size(offsets, batch.rows + 1, name)
    content = np.asarray(view.buffer(2)).tobytes()
    texts = []
    for index in range(batch.rows):
        start, end = offsets[index], offsets[index + 1]
        if not 0 <= start <= end <= len(content):
            raise damaged(f"column `{name}` points out of its text")
        try:
            texts.append(content[start:end].decode())
        except UnicodeDecodeError as error:
            row = first_row + index
            raise Rejected(400, f"row {row}: `{name}` is not UTF-8 text", row=row, feature=name) from error
    return texts


def _valid(batch: Batch, name: str) -> NDArray[np.bool_] | None:
    """Where a column is not null; None when that is everywhere."""
    view = batch.views[name]
    buffer = view.buffer(0)
    return _bits(buffer, view.offset, batch.rows, name) if buffer.size_bytes else None


def _bits(buffer: Any, offset: int, count: int, name: str) -> NDArray[np.bool_]:
    packed = np.asarray(buffer).view(np.uint8)[offset // _BITS : (offset + count + _BITS - 1) // _BITS]
    bits = np.unpackbits(packed, bitorder="little")[offset % _BITS :][:count]
    _check_size(bits, count, name)
    return bits.astype(bool)


def _check_size(found: Any, expected: int, name: str) -> None:
    if len(found) != expected:
        raise damaged(f"column `{name}` is shorter than its batch")


def _wrong_type(name: str, kind: str, takes: str) -> Rejected:
    shown = {"u": "text", "U": "text", "z": "binary", "Z": "binary"}.get(kind, f"of the Arrow format `{kind[:40]}`")
    return Rejected(422, f"column `{name}` is {shown}; it takes {takes}", feature=name)
