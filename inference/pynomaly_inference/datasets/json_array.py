"""A JSON array that streams by, cut into its objects, so that memory stays bounded."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto

from pynomaly_inference.datasets import blocks

_SPACE = re.compile(r"[ \t\n\r]*")
_NEWLINES = str.maketrans("\r\n", "  ")


class ArrayFault(Exception):
    """A sentence on the object `index`, counted from 0, or on the file where it is None."""

    def __init__(self, sentence: str, index: int | None = None) -> None:
        super().__init__(sentence)
        self.index = index


def object_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The array's objects, one a line, in blocks of some MiB; raises ArrayFault where there is anything else."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    scanner = _Scanner()
    held: list[bytes] = []
    size, enough = 0, blocks.BLOCK
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size < enough:
            continue
        if lines := scanner.feed(_decoded(decoder, b"".join(held))):
            yield lines
        held, size = [], 0
        # An object that has not ended is scanned again with what follows: doubling keeps that linear.
        enough = max(blocks.BLOCK, len(scanner.rest))
    if lines := scanner.feed(_decoded(decoder, b"".join(held), final=True)):
        yield lines
    scanner.end()


def _decoded(decoder: codecs.IncrementalDecoder, content: bytes, *, final: bool = False) -> str:
    try:
        return decoder.decode(content, final)
    except UnicodeDecodeError as error:
        raise ArrayFault("it is not UTF-8 text: save the file as UTF-8") from error


class _Expected(Enum):
    OPENING = auto()
    FIRST = auto()
    OBJECT = auto()
    COMMA = auto()
    NOTHING = auto()


_STEPS = {
    (_Expected.OPENING, "["): _Expected.FIRST,
    (_Expected.FIRST, "]"): _Expected.NOTHING,
    (_Expected.COMMA, ","): _Expected.OBJECT,
    (_Expected.COMMA, "]"): _Expected.NOTHING,
}


_UNEXPECTED = {
    _Expected.OPENING: "it is no array of objects: write `[{…}, {…}]`, or name a file with one object a line .ndjson",
    _Expected.COMMA: "is followed by neither a comma nor the end of the array",
    _Expected.NOTHING: "it goes on after its array",
}


class _Scanner:
    """Where in the array the text has come to."""

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(parse_constant=_refuse)
        self._expected = _Expected.OPENING
        self._objects = 0
        self._unfinished = ""
        self.rest = ""
        """The beginning of an object whose end is still to come."""

    def feed(self, text: str) -> bytes:
        """The objects that end in the text so far, a line each."""
        text = self.rest + text
        lines: list[str] = []
        at = _after_space(text, 0)
        while at < len(text):
            step = _STEPS.get((self._expected, text[at]))
            if step is None:
                end = self._object(text, at)
                if end is None:
                    break
                lines.append(text[at:end].translate(_NEWLINES) + "\n")
                step, at = _Expected.COMMA, end - 1
            self._expected = step
            at = _after_space(text, at + 1)
        self.rest = text[at:]
        if len(self.rest) > blocks.LONGEST_RECORD:
            raise ArrayFault(self._unfinished, self._objects)
        return "".join(lines).encode()

    def end(self) -> None:
        """Raises ArrayFault unless the array has ended."""
        if self._expected is _Expected.OPENING:
            raise ArrayFault("it is empty: write an array of objects, `[]` where there is none")
        if self._expected is not _Expected.NOTHING:
            cut_off = ArrayFault("it ends before its array does: it was cut off")
            raise ArrayFault(self._unfinished, self._objects) if self._unfinished else cut_off

    def _object(self, text: str, start: int) -> int | None:
        """Where the object that starts there ends; None when the text has not all of it."""
        if self._expected in _UNEXPECTED:
            last = self._objects - 1 if self._expected is _Expected.COMMA else None
            raise ArrayFault(_UNEXPECTED[self._expected], last)
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            self._unfinished = f"is not valid JSON: {error.msg} (character {error.pos - start + 1} of the object)"
            return None
        except ValueError as error:
            raise ArrayFault(f"is not valid JSON: {error}", self._objects) from error
        except RecursionError as error:
            raise ArrayFault("is nested too deeply", self._objects) from error
        if not isinstance(value, dict):
            raise ArrayFault("is not a JSON object: write an array of objects", self._objects)
        self._objects += 1
        self._unfinished = ""
        return end


def _after_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return start if found is None else found.end()


def _refuse(constant: str) -> None:
    raise ValueError(f"`{constant}` is not JSON, write null for a missing value")
