"""Rewrites Parquet files, and Arrow streams of any kind, as plain Arrow streams: a program that may die of its input.

arro3 ends its process on some damaged files, and a few kilobytes of Parquet may ask for gigabytes. Here neither harms
anyone: the server starts this file as a process of its own, with a limit on its memory (`table_process`).

Standard input and output carry requests and replies: a line of JSON, then as many bytes as its `size` says. A request's
line is {"kind", "columns", "rows", "bytes", "size"}: `parquet` or `arrow`, the names that are wanted, and the most rows
and decoded bytes. A reply's is {"status", "detail", "feature", "ignored", "size"}: HTTP's status and, beyond 200, why.
"""

import io
import json
import resource
import sys
from collections import Counter
from typing import Any, BinaryIO

from arro3.core import DataType, RecordBatch, RecordBatchReader, Schema, Table
from arro3.io import read_ipc_stream, read_parquet, write_ipc_stream

_BATCH = 8192
_READERS = {"parquet": lambda body: read_parquet(body, batch_size=_BATCH), "arrow": read_ipc_stream}
_KNOWN = (
    DataType.is_integer,
    DataType.is_floating,
    DataType.is_boolean,
    DataType.is_null,
    DataType.is_string,
    DataType.is_large_string,
)
OK, DAMAGED, TOO_LARGE, WRONG = 200, 400, 413, 422


class _Refused(Exception):
    """The status of a reply, why, and the column that is meant, if it is one."""

    def __init__(self, status: int, detail: str, feature: str | None = None) -> None:
        super().__init__(detail)
        self.reply = {"status": status, "detail": detail, "feature": feature, "ignored": 0}


def answer(line: bytes, body: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    """The reply to one request."""
    request = json.loads(line)
    try:
        reader: RecordBatchReader = _READERS[request["kind"]](body)
        return _rewrite(reader, request)
    except _Refused as refused:
        return refused.reply, b""
    except BaseException as error:  # noqa: BLE001 - arro3 raises plain Exception for damage, and panics beside it
        why = str(error).split("\n")[0][:200]
        if isinstance(error, MemoryError) or "MemoryError" in why:  # arro3 wraps what Python raises within it
            return _Refused(TOO_LARGE, "the rows take more memory decoded than one body may: split them").reply, b""
        return _Refused(DAMAGED, why).reply, b""


def _rewrite(reader: RecordBatchReader, request: dict[str, Any]) -> tuple[dict[str, Any], memoryview]:
    names = reader.schema.names
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise _Refused(WRONG, f"two columns are called `{twice}`")
    wanted = [name for name in request["columns"] if name in names]
    batches, rows, size = [], 0, 0
    for batch in reader:
        rows += batch.num_rows
        if request["rows"] is not None and rows > request["rows"]:
            raise _Refused(TOO_LARGE, f"the request has more than {request['rows']} rows: split it")
        plain = _plain(batch, wanted, request["columns"])
        size += plain.nbytes
        if size > request["bytes"]:
            raise _Refused(TOO_LARGE, f"the rows are more than {request['bytes'] >> 20} MiB decoded: split them")
        batches.append(plain)
    if not rows:
        raise _Refused(WRONG, "the body has no rows: send at least one")
    out = io.BytesIO()
    write_ipc_stream(Table.from_batches(batches), out, compression=None)  # left out, it is LZ4
    return {"status": OK, "ignored": len(names) - len(wanted)}, out.getbuffer()


def _plain(batch: RecordBatch, wanted: list[str], expected: list[str]) -> RecordBatch:
    """The wanted columns, dictionaries and views as text or what they hold, decimals as float64."""
    if not wanted:
        raise _Refused(
            WRONG, f"there is none of the model's features: it takes {', '.join(f'`{name}`' for name in expected)}"
        )
    columns, fields = [], []
    for name in wanted:
        column, field = batch.column(name), batch.schema.field(name)
        target = _target(field.type)
        if target is None:
            shown = str(field.type).strip().removeprefix("arro3.core.DataType<").removesuffix(">")
            raise _Refused(WRONG, f"column `{name}` is {shown[:80]}; it takes numbers, text or booleans", name)
        columns.append(column if target == field.type else column.cast(target))
        fields.append(field.with_type(target))
    return RecordBatch.from_arrays(columns, schema=Schema(fields))


def _target(kind: DataType) -> DataType | None:
    """The type under which a column is written; None for one that no feature has."""
    if DataType.is_dictionary(kind):
        return None if kind.value_type is None else _target(kind.value_type)
    if DataType.is_string_view(kind):
        return DataType.utf8()
    if DataType.is_decimal(kind):
        return DataType.float64()
    return kind if any(known(kind) for known in _KNOWN) else None


def main(source: BinaryIO, sink: BinaryIO, most_memory: int) -> None:
    """Answers requests until the source ends. most_memory: bytes of address space."""
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while line := source.readline():
        reply, content = answer(line, source.read(json.loads(line)["size"]))
        sink.write(json.dumps({**reply, "size": len(content)}).encode() + b"\n")
        sink.write(content)
        sink.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
