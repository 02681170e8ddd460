"""Requests of the gRPC service: the same document as in JSON, its tensors raw or in typed lists.

Source: Open Inference Protocol v2, "gRPC".
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from pynomaly_inference.server.decoding.oip import InferRequest, parse_document, rows_of
from pynomaly_inference.server.decoding.tensors import NUMERIC, TEXT, Tensor
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.rpc.open_inference_pb2 import InferParameter, InferTensorContents, ModelInferRequest
from pynomaly_inference.server.schema import RowSchema

_Input = ModelInferRequest.InferInputTensor
_CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    TEXT: "bytes_contents",
}
"""The list of `InferTensorContents` that holds the elements of each datatype; FP16 and BF16 have none."""


def parse_message(body: bytes) -> ModelInferRequest:
    """The message in these bytes; raises Rejected 400."""
    try:
        return ModelInferRequest.FromString(body)
    except DecodeError as error:
        raise Rejected(400, "the message is no inference.ModelInferRequest") from error


def decode_message(message: ModelInferRequest, schema: RowSchema) -> InferRequest:
    """The request in a message; raises Rejected: 400 for what breaks the protocol, 422 for no row of the model."""
    contents = _raw(message) if message.raw_input_contents else [_typed(each) for each in message.inputs]
    document = parse_document(
        {
            "id": message.id or None,
            "parameters": _parameters(message.parameters),
            "inputs": [_entry(each, content) for each, content in zip(message.inputs, contents, strict=True)],
            "outputs": [{"name": each.name, "parameters": _parameters(each.parameters)} for each in message.outputs],
        }
    )
    return InferRequest(rows_of(_views(document.tensors, contents), schema), document)


def _raw(message: ModelInferRequest) -> list[bytes]:
    contents = list(message.raw_input_contents)
    if len(contents) != len(message.inputs):
        raise Rejected(
            400, f"`raw_input_contents` has {len(contents)} entries for {len(message.inputs)} inputs: one is for each"
        )
    for each in message.inputs:
        if each.HasField("contents"):
            raise Rejected(
                400, f"input `{each.name[:80]}` has `contents` beside `raw_input_contents`: send one of them"
            )
    return contents


def _typed(tensor: _Input) -> bytes | list[str]:
    """The elements of a typed list as they would be sent raw; texts as texts."""
    field = _CONTENTS.get(tensor.datatype)
    if field is None:
        if tensor.datatype not in NUMERIC:
            return b""  # the document's reader says which datatypes there are
        raise Rejected(400, f"input `{tensor.name[:80]}`: {tensor.datatype} is sent in `raw_input_contents` only")
    _check_alone(tensor.contents, field, tensor)
    elements = getattr(tensor.contents, field)
    if tensor.datatype == TEXT:
        return [_text(element, tensor.name, place) for place, element in enumerate(elements, start=1)]
    try:
        return np.array(list(elements), NUMERIC[tensor.datatype]).tobytes()
    except OverflowError as error:
        raise Rejected(422, f"input `{tensor.name[:80]}` has an element beyond {tensor.datatype}") from error


def _check_alone(contents: InferTensorContents, field: str, tensor: _Input) -> None:
    """A list of another datatype would be left out silently."""
    for descriptor, _ in contents.ListFields():
        if descriptor.name != field:
            raise Rejected(
                400,
                f"input `{tensor.name[:80]}` is {tensor.datatype} and has `{descriptor.name}`: its list is `{field}`",
            )


def _text(element: bytes, name: str, place: int) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError as error:
        raise Rejected(400, f"input `{name[:80]}`: element {place} is not UTF-8 text") from error


def _entry(tensor: _Input, content: bytes | list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    parameters = _parameters(tensor.parameters)
    if isinstance(content, list):
        return {**entry, "parameters": parameters, "data": content}
    return {**entry, "parameters": {**parameters, "binary_data_size": len(content)}}


def _views(tensors: Iterable[Tensor], contents: Iterable[bytes | list[str]]) -> dict[str, tuple[Tensor, memoryview]]:
    pairs = zip(tensors, contents, strict=True)
    return {tensor.name: (tensor, memoryview(b"" if isinstance(each, list) else each)) for tensor, each in pairs}


def _parameters(parameters: Mapping[str, InferParameter]) -> dict[str, Any]:
    values = {}
    for name, parameter in parameters.items():
        choice = parameter.WhichOneof("parameter_choice")
        values[name] = None if choice is None else getattr(parameter, choice)
    return values
