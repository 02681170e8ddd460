"""Tensors of the Open Inference Protocol, as JSON values or as bytes."""

import struct
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.features import category_text
from pynomaly_inference.server.decoding.values import infinite_number, missing_number, shown
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

NUMERIC = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Datatypes of the protocol and their layout: little-endian, row by row."""
TEXT = "BYTES"
_MOST = 2**53
"""More elements than any body holds; keeps sizes within what numpy can count."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input. data: JSON values, flat or one list a row; or the raw bytes."""

    name: str
    datatype: str
    rows: int
    width: int
    data: list[Any] | memoryview


def parse_tensor(entry: Any, tail: bytes | memoryview) -> tuple[Tensor, bytes | memoryview]:
    """One entry of `inputs`, and what is left of the binary part behind the document; raises Rejected 400."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise Rejected(400, "an entry of `inputs` must be an object with `name`, `shape`, `datatype` and `data`")
    name, datatype = entry["name"], entry.get("datatype")
    if datatype != TEXT and (not isinstance(datatype, str) or datatype not in NUMERIC):
        raise Rejected(400, f"input `{name[:80]}`: `datatype` must be one of {', '.join(NUMERIC)}, {TEXT}")
    rows, width = _shape(entry.get("shape"), name)
    parameters = entry.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        data = entry.get("data")
        if not isinstance(data, list):
            raise Rejected(400, f"input `{name[:80]}`: `data` is {shown(data)}; it takes a list")
        return Tensor(name, datatype, rows, width, _flat(data, rows, width, name)), tail
    if type(size) is not int or not 0 <= size <= len(tail):
        raise Rejected(
            400, f"input `{name[:80]}`: `binary_data_size` is {size!r:.40}; {len(tail)} bytes follow the document"
        )
    if "data" in entry:
        raise Rejected(400, f"input `{name[:80]}` has both `data` and `binary_data_size`")
    view = memoryview(tail)
    return Tensor(name, datatype, rows, width, view[:size]), view[size:]


def _shape(shape: Any, name: str) -> tuple[int, int]:
    whole = isinstance(shape, list) and all(type(size) is int and 0 <= size < _MOST for size in shape)
    if not whole or len(shape) != 2:  # noqa: PLR2004 - rows and features
        raise Rejected(400, f"input `{name[:80]}`: `shape` must be [rows, features]")
    if shape[0] == 0:
        raise Rejected(422, f"input `{name[:80]}` has no rows: send at least one")
    return shape[0], shape[1]


def _flat(data: list[Any], rows: int, width: int, name: str) -> list[Any]:
    if len(data) == rows and any(isinstance(row, list) for row in data):
        if not all(isinstance(row, list) and len(row) == width for row in data):
            raise Rejected(422, f"input `{name[:80]}`: not every row of `data` has {width} values")
        return list(chain.from_iterable(data))
    if len(data) != rows * width:
        raise Rejected(
            422, f"input `{name[:80]}`: the shape [{rows}, {width}] asks for {rows * width} values, not {len(data)}"
        )
    return data


def numbers_of(tensor: Tensor, schema: RowSchema) -> NDArray[np.float64]:
    """The input `X` as float64 [rows, numbers]; a value that its datatype cannot hold is rejected, not rounded off."""
    if tensor.datatype == TEXT:
        raise Rejected(422, f"input `{tensor.name}` is {TEXT}; it takes numbers")
    _check_width(tensor, schema.numbers, ", ".join(f"`{name}`" for name in schema.named_numbers()))
    layout = np.dtype(NUMERIC[tensor.datatype])
    if isinstance(tensor.data, memoryview):
        if len(tensor.data) != tensor.rows * tensor.width * layout.itemsize:
            raise Rejected(
                400,
                f"input `{tensor.name}`: [{tensor.rows}, {tensor.width}] of {tensor.datatype} are "
                f"{tensor.rows * tensor.width * layout.itemsize} bytes, not {len(tensor.data)}",
            )
        if tensor.datatype == "BOOL" and not set(bytes(tensor.data)) <= {0, 1}:
            raise Rejected(400, f"input `{tensor.name}`: a BOOL is the byte 0 or 1")
        values = np.frombuffer(tensor.data, layout)
    else:
        values = _json_numbers(tensor, layout, schema)
    # The graph's kernels may load aligned doubles; the binary part starts wherever the document ended.
    aligned = np.require(values, np.float64, ["ALIGNED", "C_CONTIGUOUS"])
    return aligned.reshape(tensor.rows, tensor.width)


def _json_numbers(tensor: Tensor, layout: np.dtype[Any], schema: RowSchema) -> NDArray[Any]:
    floats = layout.kind == "f"
    takes = {"b": frozenset({bool}), "f": frozenset({int, float})}.get(layout.kind, frozenset({int}))
    if not takes.issuperset(map(type, tensor.data)):
        index, value = next((place, each) for place, each in enumerate(tensor.data) if type(each) not in takes)
        row, feature = index // tensor.width + 1, schema.named_numbers()[index % tensor.width]
        if value is not None or not floats:
            raise Rejected(
                422, f"row {row}: `{feature}` is {shown(value)}; it takes {tensor.datatype}", row=row, feature=feature
            )
        if not schema.missing:
            raise missing_number(row, feature)
    try:
        with np.errstate(over="ignore"):  # a float beyond its datatype is infinite, and rejected as such
            return np.array(tensor.data, layout)
    except (OverflowError, TypeError, ValueError):
        raise _first_unfit(tensor, layout, schema) from None


def _first_unfit(tensor: Tensor, layout: np.dtype[Any], schema: RowSchema) -> Rejected:
    for index, value in enumerate(tensor.data):
        row, feature = index // tensor.width + 1, schema.named_numbers()[index % tensor.width]
        try:
            np.array(value, layout)
        except OverflowError:
            if layout.kind == "f":
                return infinite_number(row, feature)
            detail = f"row {row}: `{feature}` is {value}, beyond {tensor.datatype}"
            return Rejected(422, detail, row=row, feature=feature)
        except (TypeError, ValueError):
            detail = f"row {row}: `{feature}` is {shown(value)}; it takes {tensor.datatype}"
            return Rejected(422, detail, row=row, feature=feature)
    raise AssertionError("every value fits alone, and all of them together do not")


def categories_of(tensor: Tensor, schema: RowSchema) -> NDArray[np.object_]:
    """The input `C` as text [rows, categories]."""
    if tensor.datatype != TEXT:
        raise Rejected(422, f"input `{tensor.name}` is {tensor.datatype}; it takes {TEXT}")
    _check_width(tensor, schema.categories, "the Category features")
    if isinstance(tensor.data, memoryview):
        texts: list[str] = _binary_texts(bytes(tensor.data), tensor)
    else:
        if any(isinstance(value, list | dict) for value in tensor.data):
            raise Rejected(422, f"input `{tensor.name}` takes text, numbers or null")
        texts = [category_text(value) for value in tensor.data]
    return np.array(texts, object).reshape(tensor.rows, tensor.width)


def _binary_texts(data: bytes, tensor: Tensor) -> list[str]:
    """Elements of BYTES: a little-endian uint32 length before each."""
    texts: list[str] = []
    position = 0
    while position < len(data):
        if position + 4 > len(data):
            raise Rejected(400, f"input `{tensor.name}`: the last element is cut short")
        (size,) = struct.unpack_from("<I", data, position)
        position += 4 + size
        if position > len(data):
            raise Rejected(400, f"input `{tensor.name}`: the last element is cut short")
        try:
            texts.append(data[position - size : position].decode())
        except UnicodeDecodeError as error:
            raise Rejected(400, f"input `{tensor.name}`: element {len(texts) + 1} is not UTF-8 text") from error
    if len(texts) != tensor.rows * tensor.width:
        raise Rejected(
            422,
            f"input `{tensor.name}`: the shape [{tensor.rows}, {tensor.width}] asks for {tensor.rows * tensor.width} "
            f"elements, not {len(texts)}",
        )
    return texts


def _check_width(tensor: Tensor, width: int, features: str) -> None:
    if tensor.width != width:
        raise Rejected(422, f"input `{tensor.name}` has {tensor.width} features; the model takes {width}: {features}")
