"""A stream of bytes cut into blocks of whole records, so that each can be parsed by itself and memory stays bounded."""

from collections.abc import Callable, Iterable, Iterator

BLOCK = 2 << 20
LONGEST_RECORD = 64 << 20


class EndlessRecordError(Exception):
    """A record is longer than `LONGEST_RECORD` bytes."""


def record_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """CSV text in blocks of whole records, some MiB each; only the last may lack its newline."""
    return _blocks(pieces, _end_of_last_record)


def line_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Text in blocks of whole lines, some MiB each; only the last may lack its newline."""
    return _blocks(pieces, lambda text: text.rfind(b"\n") + 1)


def _blocks(pieces: Iterable[bytes], end_of_last: Callable[[bytes], int]) -> Iterator[bytes]:
    held: list[bytes] = []
    size, enough = 0, BLOCK
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size < enough:
            continue
        text = b"".join(held)
        end = end_of_last(text)
        if end == 0 and size > LONGEST_RECORD:
            raise EndlessRecordError
        if end:
            yield text[:end]
        held, size = [text[end:]], size - end
        # Doubling keeps the search for the end of a very long record linear.
        enough = max(BLOCK, 2 * size)
    rest = b"".join(held)
    if rest:
        yield rest


def _end_of_last_record(text: bytes) -> int:
    """The position after the last newline that an even number of quotes precedes, 0 when there is none."""
    quotes, end = text.count(b'"'), len(text)
    while (newline := text.rfind(b"\n", 0, end)) >= 0:
        quotes -= text.count(b'"', newline, end)
        if quotes % 2 == 0:
            return newline + 1
        end = newline
    return 0
