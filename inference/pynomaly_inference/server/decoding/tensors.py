"""Tensors of the Open Inference Protocol, as JSON values or as bytes."""

import struct
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.features import category_text
from pynomaly_inference.server.decoding.values import infinite_number, missing_number, shown
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

NUMERIC = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}
"""Datatypes of the protocol and their layout: little-endian, row by row; BF16 is the upper half of an FP32."""
TEXT = "BYTES"
_UPPER_HALF = "BF16"
_NOT_HERE = {
    "classification": "classification extension",
    "shared_memory_region": "shared memory",
}
"""Parameters of other servers' extensions that ask for another answer, or name another place for the data."""
_MOST = 2**53
"""More elements than any body holds; keeps sizes within what numpy can count."""
_LENGTH = struct.Struct("<I")


class Tensor(NamedTuple):
    """One input as the document declares it, with its JSON values, or the size in bytes of its binary ones."""

    name: str
    datatype: str
    rows: int
    width: int
    data: list[Any] | None
    size: int | None


def parse_tensor(entry: Any) -> Tensor:
    """One entry of `inputs`; raises Rejected 400, and 422 when it has no rows."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise Rejected(400, "an entry of `inputs` must be an object with `name`, `shape`, `datatype` and `data`")
    name, datatype, data = entry["name"], entry.get("datatype"), entry.get("data")
    if not isinstance(datatype, str) or (datatype != TEXT and datatype not in NUMERIC):
        raise Rejected(400, f"input `{name[:80]}`: `datatype` must be one of {', '.join(NUMERIC)}, {TEXT}")
    rows, width = _shape(entry.get("shape"), name)
    parameters = entry.get("parameters")
    refuse_extensions(parameters, f"input `{name[:80]}`")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        if not isinstance(data, list):
            raise Rejected(400, f"input `{name[:80]}`: `data` is {shown(data)}; it takes a list")
        if datatype == _UPPER_HALF:
            raise Rejected(400, f"input `{name[:80]}`: {datatype} has no JSON form: send it in binary, or as FP32")
    elif type(size) is not int or size < 0:
        raise Rejected(400, f"input `{name[:80]}`: `binary_data_size` is {shown(size)}; it takes a number of bytes")
    elif data is not None:
        raise Rejected(400, f"input `{name[:80]}` has both `data` and `binary_data_size`")
    return Tensor(name, datatype, rows, width, data, size)


def refuse_extensions(parameters: Any, where: str) -> None:
    """Raises Rejected 400 for a parameter that would change the meaning of the tensor, and that is not known here."""
    if isinstance(parameters, dict):
        for name, extension in _NOT_HERE.items():
            if name in parameters:
                raise Rejected(400, f"{where}: this server has no {extension}: leave out `{name}`")


def _shape(shape: Any, name: str) -> tuple[int, int]:
    whole = isinstance(shape, list) and all(type(size) is int and 0 <= size < _MOST for size in shape)
    if not whole or len(shape) != 2:  # noqa: PLR2004 - rows and features
        raise Rejected(400, f"input `{name[:80]}`: `shape` must be [rows, features]")
    if shape[0] == 0:
        raise Rejected(422, f"input `{name[:80]}` has no rows: send at least one")
    return shape[0], shape[1]


def numbers_of(tensor: Tensor, view: memoryview, schema: RowSchema) -> NDArray[np.float64]:
    """The input `X` as float64 [rows, numbers]; a value that its datatype cannot hold is rejected, not rounded off."""
    if tensor.datatype == TEXT:
        raise Rejected(422, f"input `{tensor.name}` is {TEXT}; it takes numbers")
    if tensor.width != schema.numbers:
        raise _wrong_width(tensor, schema.numbers, ", ".join(f"`{name}`" for name in schema.named_numbers()))
    layout = NUMERIC[tensor.datatype]
    if tensor.data is None:
        values = _binary_numbers(tensor, view, layout)
    else:
        values = _json_numbers(tensor, tensor.data, layout, schema)
    if tensor.datatype != "FP64":
        return values.astype(np.float64).reshape(tensor.rows, tensor.width)
    # The graph's kernels may load aligned doubles; the binary part starts wherever the document ended.
    return (values if values.flags.aligned else values.copy()).reshape(tensor.rows, tensor.width)


def _binary_numbers(tensor: Tensor, view: memoryview, layout: np.dtype[Any]) -> NDArray[Any]:
    needed = tensor.rows * tensor.width * layout.itemsize
    if len(view) != needed:
        raise Rejected(
            400,
            f"input `{tensor.name}`: [{tensor.rows}, {tensor.width}] of {tensor.datatype} are {needed} bytes, "
            f"not {len(view)}",
        )
    if tensor.datatype == "BOOL" and not {0, 1}.issuperset(view):
        raise Rejected(400, f"input `{tensor.name}`: a BOOL is the byte 0 or 1")
    values = np.frombuffer(view, layout)
    if tensor.datatype == _UPPER_HALF:
        return (values.astype("<u4") << 16).view("<f4")
    return values


def _json_numbers(tensor: Tensor, data: list[Any], layout: np.dtype[Any], schema: RowSchema) -> NDArray[Any]:
    values = _flat(data, tensor)
    floats = layout.kind == "f"
    takes = {"b": frozenset({bool}), "f": frozenset({int, float})}.get(layout.kind, frozenset({int}))
    for index, value in enumerate(values):
        if type(value) in takes:
            continue
        row, feature = index // tensor.width + 1, schema.named_numbers()[index % tensor.width]
        if value is not None or not floats:
            raise Rejected(
                422, f"row {row}: `{feature}` is {shown(value)}; it takes {tensor.datatype}", row=row, feature=feature
            )
        if not schema.missing:
            raise missing_number(row, feature)
    try:
        with np.errstate(over="ignore"):  # a float beyond its datatype is infinite, and rejected as such
            return np.array(values, layout)
    except OverflowError:
        raise _first_beyond(tensor, values, layout, schema) from None


def _first_beyond(tensor: Tensor, values: list[Any], layout: np.dtype[Any], schema: RowSchema) -> Rejected:
    for index, value in enumerate(values):
        try:
            np.array(value, layout)
        except OverflowError:
            row, feature = index // tensor.width + 1, schema.named_numbers()[index % tensor.width]
            if layout.kind == "f":
                return infinite_number(row, feature)
            detail = f"row {row}: `{feature}` is {value}, beyond {tensor.datatype}"
            return Rejected(422, detail, row=row, feature=feature)
    raise AssertionError("every value fits alone, and all of them together do not")


def _flat(data: list[Any], tensor: Tensor) -> list[Any]:
    """JSON values row by row, from a flat list or from one list a row."""
    if len(data) == tensor.rows and isinstance(data[0], list):
        if not all(isinstance(row, list) and len(row) == tensor.width for row in data):
            raise Rejected(422, f"input `{tensor.name}`: not every row of `data` has {tensor.width} values")
        return list(chain.from_iterable(data))
    if len(data) != tensor.rows * tensor.width:
        raise Rejected(
            422,
            f"input `{tensor.name}`: the shape [{tensor.rows}, {tensor.width}] asks for {tensor.rows * tensor.width} "
            f"values, not {len(data)}",
        )
    return data


def categories_of(tensor: Tensor, view: memoryview, schema: RowSchema) -> NDArray[np.object_]:
    """The input `C` as text [rows, categories]."""
    if tensor.datatype != TEXT:
        raise Rejected(422, f"input `{tensor.name}` is {tensor.datatype}; it takes {TEXT}")
    if tensor.width != schema.categories:
        raise _wrong_width(tensor, schema.categories, "the Category features")
    texts = _binary_texts(view, tensor) if tensor.data is None else _json_texts(tensor.data, tensor)
    return np.array(texts, object).reshape(tensor.rows, tensor.width)


def _json_texts(data: list[Any], tensor: Tensor) -> list[str]:
    values = _flat(data, tensor)
    for index, value in enumerate(values):
        if isinstance(value, list | dict):
            row = index // tensor.width + 1
            raise Rejected(422, f"row {row} of `{tensor.name}` has {shown(value)}; it takes text", row=row)
    return [category_text(value) for value in values]


def _binary_texts(view: memoryview, tensor: Tensor) -> list[str]:
    """Elements of BYTES: a little-endian uint32 length before each."""
    texts: list[str] = []
    position = 0
    while position < len(view):
        start = position + _LENGTH.size
        size = _LENGTH.unpack_from(view, position)[0] if start <= len(view) else 0
        position = start + size
        if position > len(view):
            raise Rejected(400, f"input `{tensor.name}`: element {len(texts) + 1} is cut short")
        try:
            texts.append(str(view[start:position], "utf-8"))
        except UnicodeDecodeError as error:
            raise Rejected(400, f"input `{tensor.name}`: element {len(texts) + 1} is not UTF-8 text") from error
    if len(texts) != tensor.rows * tensor.width:
        raise Rejected(
            422,
            f"input `{tensor.name}`: the shape [{tensor.rows}, {tensor.width}] asks for {tensor.rows * tensor.width} "
            f"elements, not {len(texts)}",
        )
    return texts


def _wrong_width(tensor: Tensor, width: int, features: str) -> Rejected:
    return Rejected(422, f"input `{tensor.name}` has {tensor.width} features; the model takes {width}: {features}")
