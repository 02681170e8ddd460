"""Writes frames of one schema, one after the other, as they come."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import polars as pl
from polars.io.plugins import register_io_source

from pynomaly_inference.datasets.formats import Kind

Frames = Iterator[pl.DataFrame]


def stream_csv(frames: Frames, schema: pl.Schema, stream: BinaryIO) -> None:
    """A header, then a line a row; null is an empty cell; floats have all their digits."""
    stream.write(pl.DataFrame(schema=schema).write_csv().encode())
    stream.writelines(frame.write_csv(include_header=False).encode() for frame in frames)


def stream_ndjson(frames: Frames, _schema: pl.Schema, stream: BinaryIO) -> None:
    """An object a line."""
    stream.writelines(frame.write_ndjson().encode() for frame in frames)


STREAM_WRITERS: Mapping[Kind, Callable[[Frames, pl.Schema, BinaryIO], None]] = {
    Kind.CSV: stream_csv,
    Kind.NDJSON: stream_ndjson,
}


WRITABLE = frozenset({*STREAM_WRITERS, Kind.PARQUET})


def write_file(frames: Frames, schema: pl.Schema, kind: Kind, path: Path) -> None:
    """A new file with all the frames."""
    if kind is Kind.PARQUET:
        _write_parquet(frames, schema, path)
        return
    with path.open("wb") as stream:
        STREAM_WRITERS[kind](frames, schema, stream)


def _write_parquet(frames: Frames, schema: pl.Schema, path: Path) -> None:
    """Row groups as the frames come.

    polars pulls the frames from a thread of its own, and raises here what they raise there. Interrupted, it returns
    while that thread works on: so the frames are ended, and the file is opened here, lest the thread create it later.
    """
    ended = threading.Event()

    def pulled(*_: object) -> Frames:
        for frame in frames:
            if ended.is_set():
                return
            yield frame

    with path.open("wb") as stream:
        try:
            register_io_source(pulled, schema=schema).sink_parquet(stream)
        finally:
            ended.set()
