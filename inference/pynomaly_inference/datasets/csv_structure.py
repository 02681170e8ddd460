"""Where the records of CSV text begin and end (RFC 4180), told without parsing the cells."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _QUOTE, _COMMA = b'\n",'
_BEFORE_CELL, _AFTER_CELL = tuple(b'\n,"'), tuple(b'\r\n,"')
_CELL = rb'(?:"(?:[^"]|"")*+"|[^",\r\n]*+)'
_RECORD = re.compile(_CELL + rb"(?:," + _CELL + rb")*+\r?\n?")


@dataclass(frozen=True, slots=True)
class Structure:
    """The records of a block: where each starts and ends (newline included), and how many cells it has."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    cells: NDArray[np.int64]


def structure(block: bytes) -> Structure:
    """The records of a block of whole records; a comma or newline counts where an even number of quotes precedes it."""
    text = np.frombuffer(block, np.uint8)
    newlines, commas = np.flatnonzero(text == _NEWLINE), np.flatnonzero(text == _COMMA)
    if b'"' in block:
        quotes = np.flatnonzero(text == _QUOTE)
        newlines = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
        commas = commas[np.searchsorted(quotes, commas) % 2 == 0]
    ends = newlines + 1
    if block and (not len(ends) or ends[-1] != len(block)):
        ends = np.append(ends, len(block))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
    return Structure(starts, ends, np.diff(np.searchsorted(commas, ends), prepend=0) + 1)


def well_quoted(block: bytes) -> bool:
    """Whether every quote opens a cell, closes one, or is doubled inside one: parsers guess at any other."""
    if b'"' not in block:
        return True
    text = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    before, after = text[quotes[0::2] - 1], text[quotes[1::2] + 1]
    return len(quotes) % 2 == 0 and bool(np.isin(before, _BEFORE_CELL).all() and np.isin(after, _AFTER_CELL).all())


def without_blank_lines(block: bytes) -> bytes:
    """The block without its empty lines, which are no records where a record has several cells."""
    if not block.startswith((b"\n", b"\r\n")) and b"\n\n" not in block and b"\n\r\n" not in block:
        return block
    found = structure(block)
    content = [block[start:end] for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]
    return b"".join(record for record in content if record.strip(b"\r\n"))


def first_fault(block: bytes, width: int) -> tuple[int, str] | None:
    """The first record that is not `width` cells of RFC 4180 in UTF-8, counted from 0, and what is wrong with it."""
    found = structure(block)
    records = zip(found.starts.tolist(), found.ends.tolist(), found.cells.tolist(), strict=True)
    for index, (start, end, cells) in enumerate(records):
        fault = _fault(block[start:end], cells, width)
        if fault is not None:
            return index, fault
    return None


def _fault(record: bytes, cells: int, width: int) -> str | None:
    try:
        record.decode()
    except UnicodeDecodeError:
        return "is not UTF-8 text: save the file as UTF-8"
    if not _RECORD.fullmatch(record):
        return "has a quote that is never closed, or inside a cell: quote the whole cell, and double the quotes in it"
    if cells != width:
        return f"has {cells} cells where the header has {width}"
    return None
