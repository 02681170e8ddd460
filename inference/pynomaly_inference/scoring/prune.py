"""Cuts an ONNX model down to some of its outputs, on the wire format: the server has no `onnx` package.

ONNX Runtime computes every node of a graph, whatever outputs a call asks for; contributions cost a forest as much as
the score does. A graph without their nodes is the only way not to pay for them.

Field numbers are those of onnx.proto3 (ModelProto.graph = 7; GraphProto.node = 1, output = 12; NodeProto.input = 1,
output = 2, op_type = 4, attribute = 5; AttributeProto.g = 6, graphs = 11; ValueInfoProto.name = 1).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_GRAPHS = (6, 11)
_VALUE_NAME = 1
_CONTROL_FLOW = frozenset({b"If", b"Loop", b"Scan", b"SequenceMap"})

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
"""Wire types."""
_SEVEN_BITS = 0x7F


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    raw: bytes
    """The field as it stands in the message, tag included."""
    value: bytes
    """The content of a length-delimited field; empty for the others."""


@dataclass(frozen=True, slots=True)
class _Node:
    inputs: frozenset[bytes]
    outputs: frozenset[bytes]


def prune(model: bytes, outputs: Collection[str]) -> bytes:
    """The model with only these graph outputs and the nodes that they need, in the order they had.

    Raises ValueError when the bytes are no protobuf message.
    """
    wanted = {name.encode() for name in outputs}
    return b"".join(
        _delimited(_MODEL_GRAPH, _prune_graph(field.value, wanted)) if field.number == _MODEL_GRAPH else field.raw
        for field in _fields(model)
    )


def _prune_graph(graph: bytes, wanted: set[bytes]) -> bytes:
    fields = list(_fields(graph))
    nodes = [(index, _node(field.value)) for index, field in enumerate(fields) if field.number == _GRAPH_NODE]
    needed = set(wanted)
    dropped: set[int] = set()
    # ONNX orders nodes topologically: one pass from the end sees every reader of a value before its writer.
    for index, node in reversed(nodes):
        if node.outputs & needed:
            needed |= node.inputs
        else:
            dropped.add(index)
    return b"".join(
        field.raw
        for index, field in enumerate(fields)
        if index not in dropped and (field.number != _GRAPH_OUTPUT or _first(field.value, _VALUE_NAME) in wanted)
    )


def _node(content: bytes) -> _Node:
    fields = list(_fields(content))
    inputs = {field.value for field in fields if field.number == _NODE_INPUT}
    if any(field.number == _NODE_OP and field.value in _CONTROL_FLOW for field in fields):
        # A body reads values of the graph around it by name, without listing them as inputs.
        for field in fields:
            if field.number == _NODE_ATTRIBUTE:
                inputs |= _read_by_bodies(field.value)
    return _Node(frozenset(inputs), frozenset(field.value for field in fields if field.number == _NODE_OUTPUT))


def _read_by_bodies(attribute: bytes) -> set[bytes]:
    read: set[bytes] = set()
    for body in _fields(attribute):
        if body.number not in _ATTRIBUTE_GRAPHS:
            continue
        for field in _fields(body.value):
            if field.number == _GRAPH_NODE:
                read |= _node(field.value).inputs
    return read


def _first(message: bytes, number: int) -> bytes:
    return next((field.value for field in _fields(message) if field.number == number), b"")


def _fields(message: bytes) -> Iterator[_Field]:
    position = 0
    while position < len(message):
        start = position
        tag, position = _read_varint(message, position)
        value = b""
        wire = tag & 7
        if wire == _VARINT:
            _, position = _read_varint(message, position)
        elif wire == _DELIMITED:
            size, position = _read_varint(message, position)
            value = message[position : position + size]
            position += size
        elif wire in {_FIXED64, _FIXED32}:
            position += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"not a protobuf message: wire type {wire} at byte {start}")
        if position > len(message):
            raise ValueError(f"not a protobuf message: the field at byte {start} is cut short")
        yield _Field(tag >> 3, message[start:position], value)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message):
        byte = message[position]
        position += 1
        value |= (byte & _SEVEN_BITS) << shift
        if byte <= _SEVEN_BITS:
            return value, position
        shift += 7
    raise ValueError("not a protobuf message: it ends within a number")


def _delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _DELIMITED) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > _SEVEN_BITS:
        encoded.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
