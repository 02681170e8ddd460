"""What the messages of an Arrow stream announce, read before any of them is decoded.

Source: Arrow columnar format, "Encapsulated message format" and Message.fbs; FlatBuffers, "Internals". A reader of the
whole format would allocate what a message asks for; this one reads its numbers only.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from pynomaly_inference.server.rejected import Rejected

_CONTINUATION = b"\xff\xff\xff\xff"
_PREFIX = 8
"""Bytes before a message: the continuation and the size of its metadata."""
_ALIGNMENT = 8
_HEADER_TYPE, _HEADER, _BODY_LENGTH = 1, 2, 3
"""Fields of Message."""
_LENGTH, _COMPRESSION = 0, 3
"""Fields of RecordBatch."""
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2
"""Values of MessageHeader."""


class Announced(NamedTuple):
    """rows: of all batches together. plain: no batch is compressed and none is a dictionary."""

    rows: int
    plain: bool


def announced(body: bytes) -> Announced:
    """What the stream holds by its own account; raises Rejected 400 when it is no Arrow stream or is cut short."""
    rows, plain, batches = 0, True, 0
    try:
        for kind, length, compressed in _messages(body):
            plain &= kind != _DICTIONARY_BATCH and not compressed
            if length < 0:
                raise damaged("a batch has fewer than 0 rows")
            rows += length
            batches += 1
    except struct.error as error:
        raise damaged("it ends within a message, or a message points out of itself") from error
    if not batches:
        raise damaged("it holds no message")
    return Announced(rows, plain)


def damaged(why: str) -> Rejected:
    """The body is no Arrow stream, or not a whole one."""
    return Rejected(400, f"the body is not an Arrow IPC stream: {why[:200]}")


def _messages(body: bytes) -> Iterator[tuple[int, int, bool]]:
    """Of each message its kind, its rows and whether it is compressed."""
    position = 0
    while position < len(body):
        if body[position : position + 4] != _CONTINUATION:
            raise damaged("a message does not begin as one does")
        (size,) = struct.unpack_from("<i", body, position + 4)
        if size == 0:
            return
        start = position + _PREFIX
        if size < 0 or start + size > len(body):
            raise damaged("it ends within a message")
        kind, rows, compressed, length = _message(body[start : start + size])
        if length < 0 or length % _ALIGNMENT or start + size + length > len(body):
            raise damaged("it ends within a batch")
        yield kind, rows, compressed
        position = start + size + length


def _message(metadata: bytes) -> tuple[int, int, bool, int]:
    message = _unpack("<I", metadata, 0)
    kind = _scalar(metadata, message, _HEADER_TYPE, "<B")
    length = _scalar(metadata, message, _BODY_LENGTH, "<q")
    if kind != _RECORD_BATCH:
        return kind, 0, False, length
    field = _field(metadata, message, _HEADER)
    if field is None:
        raise damaged("a message has no content")
    batch = field + _unpack("<I", metadata, field)
    return kind, _scalar(metadata, batch, _LENGTH, "<q"), _field(metadata, batch, _COMPRESSION) is not None, length


def _scalar(metadata: bytes, table: int, index: int, layout: str) -> int:
    field = _field(metadata, table, index)
    return 0 if field is None else _unpack(layout, metadata, field)


def _field(metadata: bytes, table: int, index: int) -> int | None:
    """Where a table's field is; None when it has its default."""
    vtable = table - _unpack("<i", metadata, table)
    entry = 4 + 2 * index
    if entry + 2 > _unpack("<H", metadata, vtable):
        return None
    offset = _unpack("<H", metadata, vtable + entry)
    return table + offset if offset else None


def _unpack(layout: str, metadata: bytes, position: int) -> int:
    if position < 0:  # struct would count from the end
        raise struct.error
    (value,) = struct.unpack_from(layout, metadata, position)
    return int(value)
