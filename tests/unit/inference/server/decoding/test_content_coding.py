"""Content codings against the libraries that wrote them, and against what nobody should send."""

import gzip
import time
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inference.server.decoding.strict import rejects

from pynomaly_inference.server.decoding.content_coding import decoder_of, gunzip, inflate, unzstd
from pynomaly_inference.server.rejected import Rejected

Decode = Callable[[bytes, int | None], bytes]
CODINGS: list[tuple[Decode, Callable[[bytes], bytes]]] = [
    (gunzip, gzip.compress),
    (inflate, zlib.compress),
    (unzstd, zstd.compress),
]
codings = st.sampled_from(CODINGS)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), codings)
def test_what_was_compressed_comes_back_of_one_member_or_several(
    contents: list[bytes], coding: tuple[Decode, Callable[[bytes], bytes]]
) -> None:
    decode, compress = coding

    assert decode(b"".join(map(compress, contents)), None) == b"".join(contents)


@pytest.mark.parametrize(("decode", "compress"), CODINGS)
def test_large_contents_come_back_whole(decode: Decode, compress: Callable[[bytes], bytes]) -> None:
    noise = b"".join(zlib.crc32(b"%d" % index).to_bytes(4, "little") for index in range(100_000))
    for content in (bytes(5 * 2**20), noise * 8, noise + bytes(3 * 2**20) + noise):
        assert decode(compress(content), len(content)) == content
        with pytest.raises(Rejected, match="the body is larger than"):
            decode(compress(content), len(content) - 1)


@given(st.binary(max_size=80), codings)
def test_no_bytes_break_a_decoder(body: bytes, coding: tuple[Decode, Callable[[bytes], bytes]]) -> None:
    rejects(coding[0], body, 1000)


@given(st.binary(min_size=1, max_size=200), st.data(), codings)
def test_a_damaged_body_is_refused_or_within_the_bound(
    content: bytes, data: st.DataObject, coding: tuple[Decode, Callable[[bytes], bytes]]
) -> None:
    body = bytearray(coding[1](content))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))

    if not rejects(coding[0], bytes(body), 1000):
        assert len(coding[0](bytes(body), 1000)) <= 1000


@given(st.binary(max_size=200), st.data(), codings)
def test_a_body_that_is_cut_short_is_refused(
    content: bytes, data: st.DataObject, coding: tuple[Decode, Callable[[bytes], bytes]]
) -> None:
    body = coding[1](content)

    assert rejects(coding[0], body[: data.draw(st.integers(0, len(body) - 1))], None)


@pytest.mark.parametrize(("decode", "compress"), CODINGS)
def test_a_body_of_very_many_small_members_is_refused_soon(decode: Decode, compress: Callable[[bytes], bytes]) -> None:
    body = compress(b"") * 500_000
    start = time.process_time()

    with pytest.raises(Rejected, match="more than 10000 members"):
        decode(body, None)

    assert time.process_time() - start < 5


def test_no_coding_and_identity_need_no_decoder() -> None:
    assert decoder_of({}) is None
    assert decoder_of({b"content-encoding": b" Identity "}) is None
    assert decoder_of({b"content-encoding": b"GZIP"}) is gunzip
    with pytest.raises(Rejected, match="Content-Encoding is gzip, zstd: send gzip, deflate, zstd or none"):
        decoder_of({b"content-encoding": b"gzip, zstd"})
