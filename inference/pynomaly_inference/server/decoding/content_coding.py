"""Bodies that arrive compressed (Content-Encoding), with a bound on what they become.

Source: RFC 9110, section 8.4; RFC 1952 (gzip); RFC 1950 (deflate, as HTTP has it); RFC 8878 (zstd).
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from backports import zstd

from pynomaly_inference.server.http import too_large
from pynomaly_inference.server.rejected import Rejected

IDENTITY = b"identity"
MOST_BYTES = 2**30
"""What a compressed body may become where no limit of bodies is set."""
_STEP = 2**20
_SLICE = 2**16
_MOST_MEMBERS = 10_000
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
    return _decoded(body, most, _Coding("gzip", lambda: zlib.decompressobj(_GZIP), _inflate_step))


def inflate(body: bytes, most: int | None) -> bytes:
    """The content of deflate in its zlib form; raises Rejected 400 for damage, 413 beyond `most` bytes."""
    return _decoded(body, most, _Coding("deflate", zlib.decompressobj, _inflate_step))


def unzstd(body: bytes, most: int | None) -> bytes:
    """The content of zstd, of one frame or several; raises Rejected 400 for damage, 413 beyond `most` bytes."""
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return _decoded(body, most, _Coding("zstd", lambda: zstd.ZstdDecompressor(options=options), _unzstd_step))


_DECODERS = {b"gzip": gunzip, b"x-gzip": gunzip, b"deflate": inflate, b"zstd": unzstd}


class _Coding(NamedTuple):
    """begin: a decompressor of one member. step: some content, what is left of the input, whether there is more."""

    name: str
    begin: Callable[[], Any]
    step: Callable[[Any, bytes], tuple[bytes, bytes, bool]]


def _inflate_step(member: Any, given: bytes) -> tuple[bytes, bytes, bool]:
    part = member.decompress(given, _STEP)
    return part, member.unconsumed_tail, len(part) == _STEP


def _unzstd_step(member: Any, given: bytes) -> tuple[bytes, bytes, bool]:
    return member.decompress(given, _STEP), b"", not member.needs_input


def _decoded(body: bytes, most: int | None, coding: _Coding) -> bytes:
    parts: list[bytes] = []
    size = members = 0
    member = None
    try:
        # A member's end copies what follows it in the slice, not in the body: else many small ones would take forever.
        for start in range(0, len(body), _SLICE):
            rest, more = body[start : start + _SLICE], False
            while rest or more:
                if member is None:
                    member, members = coding.begin(), members + 1
                    _check_members(members, coding)
                part, rest, more = coding.step(member, rest)
                parts.append(part)
                size += len(part)
                _check(size, most)
                if member.eof:
                    rest, more, member = member.unused_data, False, None
    except (zlib.error, zstd.ZstdError) as error:
        raise Rejected(
            400, f"the body is not {coding.name}, as its Content-Encoding says: {str(error)[:200]}"
        ) from error
    if member is not None or not members:
        raise Rejected(400, f"the body is not {coding.name}, as its Content-Encoding says: it is cut short")
    return b"".join(parts)


def _check_members(members: int, coding: _Coding) -> None:
    if members > _MOST_MEMBERS:
        raise Rejected(413, f"the body has more than {_MOST_MEMBERS} members of {coding.name}: compress it as one")


def _check(size: int, most: int | None) -> None:
    bound = MOST_BYTES if most is None else most
    if size > bound:
        raise too_large(bound)
