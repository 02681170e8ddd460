"""Reads the files of a source, each by its kind. A new kind is a module of its own and a line here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pynomaly_inference.datasets import csv_reader, json_reader, ndjson_reader, parquet_reader, xlsx_reader
from pynomaly_inference.datasets.batch import Batch, Place, Reader
from pynomaly_inference.datasets.formats import Kind, SourceFile
from pynomaly_inference.errors import SourceUnreachable

READERS: Mapping[Kind, Reader] = {
    Kind.CSV: csv_reader.read,
    Kind.NDJSON: ndjson_reader.read,
    Kind.PARQUET: parquet_reader.read,
    Kind.JSON: json_reader.read,
    Kind.XLSX: xlsx_reader.read,
}


def batches(files: Sequence[SourceFile], wanted: frozenset[str] | None) -> Iterator[Batch]:
    """The rows of all files, one after the other, in batches of some MiB.

    `wanted` None is every column. Batches count rows over all files, name their file when there are several, and say
    what fraction of all bytes has been read.
    """
    sizes = [_size(file) for file in files]
    total, done, rows = max(1, sum(sizes)), 0, 0
    for file, size in zip(files, sizes, strict=True):
        place = Place(rows, file.name if len(files) > 1 else None)
        for batch in READERS[file.format.kind](file, wanted, place):
            rows += batch.rows
            yield replace(batch, fraction=(done + size * batch.fraction) / total)
        done += size


def _size(file: SourceFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError as error:
        raise SourceUnreachable(f"cannot read `{file.name}`: {error.strerror}") from error
