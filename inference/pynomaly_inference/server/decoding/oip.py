"""Requests of the Open Inference Protocol: a JSON document, and tensors in it or behind it in binary.

Source: Open Inference Protocol v2, "Inference"; Triton's binary tensor data extension.
"""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import simdjson
from numpy.typing import NDArray

from pynomaly_inference.bundle import CATEGORIES_INPUT, NUMBERS_INPUT
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.json_rows import SIMDJSON_ERRORS, parse_json
from pynomaly_inference.server.decoding.tensors import (
    Tensor,
    categories_of,
    numbers_of,
    parse_tensor,
    refuse_extensions,
)
from pynomaly_inference.server.decoding.values import check_numbers, shown
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_KEPT_BYTES = 1024
"""Documents up to this size, without the tensors' data, are worth remembering: a client sends the same again."""
_NUMBERS, _BOTH = frozenset({NUMBERS_INPUT}), frozenset({NUMBERS_INPUT, CATEGORIES_INPUT})
_DATA = re.compile(rb'"data"[ \t\r\n]*:[ \t\r\n]*\[')


class RequestedOutput(NamedTuple):
    """One output by name; binary: as raw bytes behind the document instead of numbers in it."""

    name: str
    binary: bool


class Document(NamedTuple):
    """The JSON part of a request. outputs: empty when the server may choose; `binary` then holds for all of them.

    threshold: the client's own, from the request's `parameters`; parameters that are not known here mean nothing.
    """

    id: str | None
    tensors: tuple[Tensor, ...]
    outputs: tuple[RequestedOutput, ...]
    binary: bool
    threshold: float | None = None


class InferRequest(NamedTuple):
    """What a client asks for."""

    rows: Rows
    document: Document


def decode_infer(body: bytes, header_length: int | None, schema: RowSchema) -> InferRequest:
    """The request; `header_length` is the size of the document when binary tensors follow it.

    Raises Rejected: 400 for what breaks the protocol, 422 for what is no row of the model.
    """
    if header_length is None:
        return (None if schema.categories else _dense(body, schema)) or _exact(_document(body), body[:0], schema)
    if header_length > len(body):
        raise Rejected(400, f"Inference-Header-Content-Length is {header_length}, and the body has {len(body)} bytes")
    head = body[:header_length]
    document = _remembered(head) if header_length <= _KEPT_BYTES else _document(head)
    return _exact(document, memoryview(body)[header_length:], schema)


def _exact(document: Document, tail: bytes | memoryview, schema: RowSchema) -> InferRequest:
    return InferRequest(rows_of(_views(document, memoryview(tail)), schema), document)


def rows_of(views: Mapping[str, tuple[Tensor, memoryview]], schema: RowSchema) -> Rows:
    """The rows in these tensors, each with its binary data, by name; raises Rejected 422, or 400 for wrong sizes."""
    if views.keys() != (_BOTH if schema.categories else _NUMBERS):
        wanted = f"`{NUMBERS_INPUT}` and `{CATEGORIES_INPUT}`" if schema.categories else f"`{NUMBERS_INPUT}` alone"
        given = ", ".join(f"`{name[:80]}`" for name in views) or "none"
        raise Rejected(422, f"the model takes the inputs {wanted}, not {given}")
    numbers = numbers_of(*views[NUMBERS_INPUT], schema)
    check_numbers(numbers, schema)
    if not schema.categories:
        return Rows(numbers)
    categories = categories_of(*views[CATEGORIES_INPUT], schema)
    if len(categories) != len(numbers):
        raise Rejected(422, f"input `X` has {len(numbers)} rows and `C` has {len(categories)}: they are the same rows")
    return Rows(numbers, categories)


def _views(document: Document, tail: memoryview) -> dict[str, tuple[Tensor, memoryview]]:
    """The tensors by name, each with its part of the binary data."""
    views = {}
    for tensor in document.tensors:
        size = tensor.size or 0
        if size > len(tail):
            raise Rejected(
                400, f"input `{tensor.name[:80]}`: `binary_data_size` is {size}; {len(tail)} bytes follow the document"
            )
        views[tensor.name] = tensor, tail[:size]
        tail = tail[size:]
    if len(tail):
        raise Rejected(400, f"{len(tail)} bytes follow the last tensor: the sizes in the request do not add up")
    return views


def _document(head: bytes) -> Document:
    return parse_document(parse_json(head))


def parse_document(document: Any) -> Document:
    """What the JSON part of a request says; raises Rejected 400, and 422 when a tensor has no rows."""
    if not isinstance(document, dict):
        raise Rejected(400, "the request must be a JSON object with `inputs`")
    name, inputs, outputs = document.get("id"), document.get("inputs"), document.get("outputs")
    if name is not None and not isinstance(name, str):
        raise Rejected(400, f"`id` is {shown(name)}; it takes text")
    if not isinstance(inputs, list):
        raise Rejected(400, f"`inputs` is {shown(inputs)}; it takes a list of tensors")
    tensors = tuple(parse_tensor(entry) for entry in inputs)
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise Rejected(400, "an input is there twice")
    parameters = document.get("parameters")
    binary, threshold = _flag(parameters, "binary_data_output"), _threshold(parameters)
    if outputs is None:
        return Document(name, tensors, (), binary, threshold)
    if not isinstance(outputs, list):
        raise Rejected(400, f"`outputs` is {shown(outputs)}; it takes a list")
    return Document(name, tensors, tuple(_output(entry, binary) for entry in outputs), binary, threshold)


_remembered = lru_cache(maxsize=256)(_document)


def _output(entry: Any, binary: bool) -> RequestedOutput:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise Rejected(400, 'an entry of `outputs` must be {"name": NAME}')
    parameters = entry.get("parameters")
    refuse_extensions(parameters, f"output `{name[:80]}`")
    own = isinstance(parameters, dict) and "binary_data" in parameters
    return RequestedOutput(name, _flag(parameters, "binary_data") if own else binary)


def _flag(parameters: Any, name: str) -> bool:
    if parameters is None:
        return False
    if not isinstance(parameters, dict):
        raise Rejected(400, f"`parameters` is {shown(parameters)}; it takes an object")
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise Rejected(400, f"`{name}` is {shown(value)}; it takes true or false")
    return value


def _threshold(parameters: Any) -> float | None:
    """`_flag` has seen that the parameters are an object, or absent."""
    value = None if parameters is None else parameters.get("threshold")
    if value is None:
        return None
    if type(value) not in {int, float} or not math.isfinite(value):
        raise Rejected(400, f"`threshold` is {shown(value)}; it takes a finite number")
    return float(value)


def _dense(body: bytes, schema: RowSchema) -> InferRequest | None:
    """The request when its data is one flat list of finite floats; None: `_exact` must decide.

    The list is cut out, read by simdjson, and the rest, with an empty list in its place, by the exact reader. That is
    the same request: `"data"` with its quotes can only be a key, it is there once, and no escape spells another.
    """
    found = _DATA.search(body)
    if found is None:
        return None
    start, end = found.end(), body.find(b"]", found.end())
    rest = body[:start] + body[end:]
    if end < 0 or len(rest) > _KEPT_BYTES or rest.count(b'"data"') != 1 or b"\\" in rest:
        return None
    values = _flat_floats(body[start - 1 : end + 1])
    document = None if values is None else _readable(rest)
    if values is None or document is None or len(document.tensors) != 1:
        return None
    (tensor,) = document.tensors
    if tensor.name != NUMBERS_INPUT or tensor.data != [] or tensor.width != schema.width:
        return None
    if values.size != tensor.rows * tensor.width:
        return None
    numbers = _as_datatype(values, tensor.datatype)
    return None if numbers is None else InferRequest(Rows(numbers.reshape(tensor.rows, tensor.width)), document)


def _flat_floats(text: bytes) -> NDArray[np.float64] | None:
    """The numbers of a JSON list; None when it holds anything else.

    `text` ends at its first bracket: a list within it would not be well-formed, so nothing is flattened.
    """
    try:
        document: Any = simdjson.Parser().parse(text)
        return np.frombuffer(document.as_buffer(of_type="d"), np.float64)
    except SIMDJSON_ERRORS:
        return None


def _readable(head: bytes) -> Document | None:
    try:
        return _remembered(head)
    except Rejected:
        return None  # `_exact` says why, with places in the whole body


def _as_datatype(values: NDArray[np.float64], datatype: str) -> NDArray[np.float64] | None:
    """The values as this datatype holds them; None when it is no float, or cannot."""
    if datatype == "FP64":
        return values
    if datatype != "FP32":
        return None
    with np.errstate(over="ignore"):
        values = values.astype(np.float32).astype(np.float64)
    return values if np.isfinite(values).all() else None
