"""What a file holds, told from its name or its Content-Type."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from pynomaly_inference.errors import ResourceInvalid


class Kind(StrEnum):
    """How rows are written in a file."""

    CSV = "csv"
    PARQUET = "parquet"
    NDJSON = "ndjson"
    JSON = "json"
    XLSX = "xlsx"


class Compression(StrEnum):
    """What is around the rows, over the whole file."""

    GZIP = "gz"
    ZSTD = "zst"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file, perhaps compressed."""

    kind: Kind
    compression: Compression | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A local file with rows.

    name: what the user calls it, for messages: the path as written, or the URL without its secrets.
    """

    path: Path
    name: str
    format: Format


_KINDS = {
    ".csv": Kind.CSV,
    ".parquet": Kind.PARQUET,
    ".ndjson": Kind.NDJSON,
    ".jsonl": Kind.NDJSON,
    ".json": Kind.JSON,
    ".xlsx": Kind.XLSX,
}
_COMPRESSIONS = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}
_CONTENT_TYPES = {
    "text/csv": Kind.CSV,
    "application/csv": Kind.CSV,
    "application/vnd.apache.parquet": Kind.PARQUET,
    "application/parquet": Kind.PARQUET,
    "application/x-parquet": Kind.PARQUET,
    "application/x-ndjson": Kind.NDJSON,
    "application/ndjson": Kind.NDJSON,
    "application/jsonl": Kind.NDJSON,
    "application/x-jsonlines": Kind.NDJSON,
    "application/jsonlines": Kind.NDJSON,
    "application/json": Kind.JSON,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Kind.XLSX,
}

KNOWN_SUFFIXES = f"{', '.join(_KINDS)}, each also with {' or '.join(_COMPRESSIONS)}"


def format_from_name(name: str) -> Format | None:
    """The format that the suffixes of a file's name say, None when they are unknown."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    compression = _COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression is not None:
        suffixes.pop()
    kind = _KINDS.get(suffixes[-1]) if suffixes else None
    return None if kind is None else Format(kind, compression)


def format_from_content_type(value: str) -> Format | None:
    """The format that an HTTP `Content-Type` says, None when it is unknown."""
    kind = _CONTENT_TYPES.get(value.partition(";")[0].strip().lower())
    return None if kind is None else Format(kind)


def source_file(path: Path, name: str) -> SourceFile:
    """The file with its format by suffix; raises ResourceInvalid when the suffix is unknown."""
    return SourceFile(path, name, known_format(path.name, name))


def known_format(file_name: str, name: str) -> Format:
    """The format by suffix; raises ResourceInvalid, which calls the file `name`, when the suffix is unknown."""
    found = format_from_name(file_name)
    if found is None:
        raise ResourceInvalid(f"the suffix of `{name}` says no known format: use {KNOWN_SUFFIXES}")
    return found
