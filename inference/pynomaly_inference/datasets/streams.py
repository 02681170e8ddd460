"""The bytes of a file as they stream by, unpacked, with how far the reading has come."""

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from pynomaly_inference.datasets.formats import Compression, Format, SourceFile
from pynomaly_inference.errors import DataRejected, SourceUnreachable

_READ = 1 << 18
# One zstd block of a few bytes may unpack to 128 KiB: small inputs keep what one step yields small.
_ZSTD_INPUT = 1 << 10


class Stream:
    """The unpacked content of a file, once from its beginning to its end."""

    def __init__(self, file: SourceFile, raw: BinaryIO) -> None:
        self._file = file
        self._raw = raw
        self._size = file.path.stat().st_size

    def fraction(self) -> float:
        """How much of the file, as it lies on disk, has been read: in [0, 1]."""
        return min(1.0, self._raw.tell() / self._size) if self._size else 1.0

    def pieces(self) -> Iterator[bytes]:
        """The content in pieces of at most some MiB; raises DataRejected where the compression is damaged."""
        compression = self._file.format.compression
        try:
            yield from _UNPACK[compression](self._raw)
        except EOFError as error:
            raise DataRejected(f"`{self._file.name}` ends too early: it was cut off") from error
        except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise DataRejected(f"`{self._file.name}` is damaged, or is no .{compression} file") from error


@contextmanager
def opened(file: SourceFile) -> Iterator[Stream]:
    """The file as a stream; raises SourceUnreachable when the operating system refuses."""
    try:
        with file.path.open("rb") as raw:
            yield Stream(file, raw)
    except OSError as error:
        raise SourceUnreachable(f"cannot read `{file.name}`: {error.strerror}") from error


@contextmanager
def unpacked(file: SourceFile) -> Iterator[SourceFile]:
    """The file itself, or an unpacked temporary copy for readers that must seek; removed when the context ends."""
    if file.format.compression is None:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="pynomaly-") as folder:
        path = Path(folder) / "unpacked"
        with opened(file) as stream, path.open("wb") as copy:
            for piece in stream.pieces():
                copy.write(piece)
        yield SourceFile(path, file.name, Format(file.format.kind))


def _plain(raw: BinaryIO) -> Iterator[bytes]:
    while piece := raw.read(_READ):
        yield piece


def _gzip(raw: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=raw, mode="rb") as content:
        while piece := content.read(_READ):
            yield piece


def _zstd(raw: BinaryIO) -> Iterator[bytes]:
    """Frame after frame; `zstandard`'s own reader takes a cut-off frame for a whole one."""
    frame = None
    while packed := raw.read(_ZSTD_INPUT):
        while packed:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(packed)
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError


_UNPACK: dict[Compression | None, Callable[[BinaryIO], Iterator[bytes]]] = {
    None: _plain,
    Compression.GZIP: _gzip,
    Compression.ZSTD: _zstd,
}
