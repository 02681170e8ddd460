"""Bodies that arrive compressed (Content-Encoding), with a bound on what they become.

Source: RFC 9110, section 8.4; RFC 1952 (gzip); RFC 1950 (deflate, as HTTP has it); RFC 8878 (zstd).
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from backports import zstd

from pynomaly_inference.server.http import too_large
from pynomaly_inference.server.rejected import Rejected

IDENTITY = b"identity"
MOST_BYTES = 2**30
"""What a compressed body may become where no limit of bodies is set."""
_STEP = 2**20
_WINDOW_LOG = 27
"""The largest window of zstd that is allocated is 128 MiB; the `zstd` command needs an option for larger ones too."""
_GZIP = 16 + zlib.MAX_WBITS


def decoder_of(headers: Mapping[bytes, bytes]) -> Callable[[bytes, int | None], bytes] | None:
    """What undoes the body's content coding within so many bytes; None when it has none.

    Raises Rejected 415 for a coding that is not taken.
    """
    coding = headers.get(b"content-encoding")
    if coding is None:
        return None
    name = coding.strip().lower()
    if name in {b"", IDENTITY}:
        return None
    decoder = _DECODERS.get(name)
    if decoder is None:
        raise Rejected(
            415,
            f"the body's Content-Encoding is {name.decode('latin-1')[:80]}: send gzip, deflate, zstd or none of them",
        )
    return decoder


def gunzip(body: bytes, most: int | None) -> bytes:
    """The content of gzip, of one member or several; raises Rejected 400 for damage, 413 beyond `most` bytes."""
    return _inflated(body, most, "gzip", _GZIP)


def inflate(body: bytes, most: int | None) -> bytes:
    """The content of deflate in its zlib form; raises Rejected 400 for damage, 413 beyond `most` bytes."""
    return _inflated(body, most, "deflate", zlib.MAX_WBITS)


def _inflated(body: bytes, most: int | None, coding: str, window: int) -> bytes:
    parts: list[bytes] = []
    size, rest = 0, body
    try:
        while rest:
            member = zlib.decompressobj(window)
            while not member.eof:
                part = member.decompress(rest, _STEP)
                rest = member.unconsumed_tail
                size += len(part)
                _check(size, most)
                parts.append(part)
                if not part and not rest and not member.eof:
                    raise _cut_short(coding)
            rest = member.unused_data
    except zlib.error as error:
        raise _damaged(coding, error) from error
    return _whole(parts, coding)


def unzstd(body: bytes, most: int | None) -> bytes:
    """The content of zstd, of one frame or several; raises Rejected 400 for damage, 413 beyond `most` bytes."""
    parts: list[bytes] = []
    size, rest = 0, body
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    try:
        while rest:
            frame: Any = zstd.ZstdDecompressor(options=options)
            while not frame.eof:
                part = frame.decompress(rest, _STEP)
                rest = b""
                size += len(part)
                _check(size, most)
                parts.append(part)
                if not part and frame.needs_input:
                    raise _cut_short("zstd")
            rest = frame.unused_data
    except zstd.ZstdError as error:
        raise _damaged("zstd", error) from error
    return _whole(parts, "zstd")


_DECODERS = {b"gzip": gunzip, b"x-gzip": gunzip, b"deflate": inflate, b"zstd": unzstd}


def _check(size: int, most: int | None) -> None:
    bound = MOST_BYTES if most is None else most
    if size > bound:
        raise too_large(bound)


def _whole(parts: list[bytes], coding: str) -> bytes:
    if not parts:
        raise _cut_short(coding)
    return b"".join(parts)


def _cut_short(coding: str) -> Rejected:
    return Rejected(400, f"the body is not {coding}, as its Content-Encoding says: it is cut short")


def _damaged(coding: str, error: Exception) -> Rejected:
    return Rejected(400, f"the body is not {coding}, as its Content-Encoding says: {str(error)[:200]}")
