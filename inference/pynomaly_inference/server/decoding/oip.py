"""Requests of the Open Inference Protocol: a JSON document, and tensors in it or behind it in binary.

Source: Open Inference Protocol v2, "Inference"; Triton's binary tensor data extension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from pynomaly_inference.bundle import CATEGORIES_INPUT, NUMBERS_INPUT
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.json_rows import SIMDJSON_ERRORS, parse_json
from pynomaly_inference.server.decoding.tensors import Tensor, categories_of, numbers_of, parse_tensor
from pynomaly_inference.server.decoding.values import check_numbers, shown
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

_FLOATS = frozenset({"FP64", "FP32"})
_KEYS_READ = ["name", "shape", "datatype", "data"]


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """One output by name; binary: as raw bytes behind the document instead of numbers in it."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a client asks for. outputs: empty when the server may choose; `binary` then holds for all of them."""

    rows: Rows
    id: str | None
    outputs: tuple[RequestedOutput, ...]
    binary: bool


def decode_infer(body: bytes, header_length: int | None, schema: RowSchema) -> InferRequest:
    """The request; `header_length` is the size of the document when binary tensors follow it.

    Raises Rejected: 400 for what breaks the protocol, 422 for what is no row of the model.
    """
    if header_length is None:
        return (None if schema.categories else _dense(body, schema)) or _exact(body, b"", schema)
    if header_length > len(body):
        raise Rejected(400, f"Inference-Header-Content-Length is {header_length}, and the body has {len(body)} bytes")
    return _exact(body[:header_length], memoryview(body)[header_length:], schema)


def _exact(head: bytes, tail: bytes | memoryview, schema: RowSchema) -> InferRequest:
    document = parse_json(head)
    if not isinstance(document, dict):
        raise Rejected(400, "the request must be a JSON object with `inputs`")
    tensors = _tensors(document.get("inputs"), tail)
    expected = {NUMBERS_INPUT, CATEGORIES_INPUT} if schema.categories else {NUMBERS_INPUT}
    if tensors.keys() != expected:
        given = ", ".join(f"`{name[:80]}`" for name in tensors) or "none"
        raise Rejected(
            422, f"the model takes the inputs {' and '.join(f'`{name}`' for name in sorted(expected))}, not {given}"
        )
    numbers = numbers_of(tensors[NUMBERS_INPUT], schema)
    check_numbers(numbers, schema)
    if not schema.categories:
        return _request(document, Rows(numbers))
    categories = categories_of(tensors[CATEGORIES_INPUT], schema)
    if len(categories) != len(numbers):
        raise Rejected(422, f"input `X` has {len(numbers)} rows and `C` has {len(categories)}: they are the same rows")
    return _request(document, Rows(numbers, categories))


def _tensors(inputs: Any, tail: bytes | memoryview) -> dict[str, Tensor]:
    if not isinstance(inputs, list):
        raise Rejected(400, f"`inputs` is {shown(inputs)}; it takes a list of tensors")
    tensors: dict[str, Tensor] = {}
    for entry in inputs:
        tensor, tail = parse_tensor(entry, tail)
        if tensor.name in tensors:
            raise Rejected(400, f"input `{tensor.name[:80]}` is there twice")
        tensors[tensor.name] = tensor
    if len(tail):
        raise Rejected(400, f"{len(tail)} bytes follow the last tensor: the sizes in the request do not add up")
    return tensors


def _request(document: Mapping[str, Any], rows: Rows) -> InferRequest:
    name = document.get("id")
    if name is not None and not isinstance(name, str):
        raise Rejected(400, f"`id` is {shown(name)}; it takes text")
    binary = _flag(document.get("parameters"), "binary_data_output")
    outputs = document.get("outputs")
    if outputs is None:
        return InferRequest(rows, name, (), binary)
    if not isinstance(outputs, list):
        raise Rejected(400, f"`outputs` is {shown(outputs)}; it takes a list")
    return InferRequest(rows, name, tuple(_output(entry, binary) for entry in outputs), binary)


def _output(entry: Any, binary: bool) -> RequestedOutput:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise Rejected(400, 'an entry of `outputs` must be {"name": NAME}')
    parameters = entry.get("parameters")
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


def _dense(body: bytes, schema: RowSchema) -> InferRequest | None:
    """The request when it is one flat list of finite floats; None: `_exact` must decide.

    simdjson takes the first of two equal keys and flattens nested lists; orjson takes the last. A request where that
    could tell, by a key that is there twice or a bracket more than the protocol's own, is not read here.
    """
    try:
        document: Any = simdjson.Parser().parse(body)
        (tensor,) = document["inputs"]
        outputs = document.get("outputs")
        own_brackets = 4 if isinstance(outputs, simdjson.Array) else 3
        if _repeats(document) or _repeats(tensor) or not _at_most(body, b"[", own_brackets):
            return None
        numbers = _matrix(tensor, schema.width)
        rest = {"id": document.get("id"), "parameters": _plain(document.get("parameters")), "outputs": _plain(outputs)}
    except SIMDJSON_ERRORS:
        return None
    return None if numbers is None else _request(rest, Rows(numbers))


def _matrix(tensor: Any, width: int) -> NDArray[np.float64] | None:
    if list(tensor) != _KEYS_READ and set(tensor) != set(_KEYS_READ):
        return None
    rows, columns = tensor["shape"]
    datatype = tensor["datatype"]
    if tensor["name"] != NUMBERS_INPUT or datatype not in _FLOATS or type(rows) is not int or columns != width:
        return None
    values = np.frombuffer(tensor["data"].as_buffer(of_type="d"), np.float64)
    if rows < 1 or values.size != rows * width:
        return None
    if datatype == "FP32":
        with np.errstate(over="ignore"):
            values = values.astype(np.float32).astype(np.float64)
        if not np.isfinite(values).all():
            return None
    return values.reshape(rows, width)


def _repeats(value: Any) -> bool:
    keys = list(value)
    return len(set(keys)) != len(keys)


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    if isinstance(value, simdjson.Array):
        return value.as_list()
    return value


def _at_most(text: bytes, byte: bytes, most: int) -> bool:
    """Whether `byte` is in the text `most` times or less; faster than counting them all."""
    position = -1
    for _ in range(most + 1):
        position = text.find(byte, position + 1)
        if position < 0:
            return True
    return False
