"""Columns as an Arrow IPC stream."""

import io
from typing import Any

import nanoarrow
import numpy as np
from nanoarrow.ipc import StreamWriter
from numpy.typing import NDArray

_TYPES = {"f": nanoarrow.float64, "i": nanoarrow.int64, "O": nanoarrow.string}


def stream_of(columns: dict[str, NDArray[Any]]) -> bytes:
    """One batch of float64, int64 and text columns, all of one length and without nulls."""
    fields = {name: _TYPES[column.dtype.kind]() for name, column in columns.items()}
    children = [
        nanoarrow.c_array(column.tolist(), fields[name])
        if column.dtype.kind == "O"
        else nanoarrow.c_array(np.ascontiguousarray(column))
        for name, column in columns.items()
    ]
    rows = len(next(iter(columns.values())))
    batch = nanoarrow.c_array_from_buffers(nanoarrow.struct(fields), rows, [None], children=children)
    out = io.BytesIO()
    with StreamWriter.from_writable(out) as writer:
        writer.write_array(batch)
    return out.getvalue()
