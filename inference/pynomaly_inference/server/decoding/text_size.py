"""How many rows a text may hold, told before it is parsed.

Parsed, a row takes up to twenty-five times the memory of its text: a body within its limit would take more than a
gibibyte where it is made of very short rows.
"""

import re

from pynomaly_inference.server.rejected import Rejected

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A string, also one that does not end: what never fails to match is looked at once."""
_AROUND = 2
"""Lists and objects of a document beside its rows."""


def check_json(body: bytes, most_rows: int) -> None:
    """Raises Rejected 413 when JSON has more lists and objects than so many rows."""
    if _opened(body) > most_rows + _AROUND and _opened(_STRING.sub(b"", body)) > most_rows + _AROUND:
        raise _too_many(most_rows, "rows, or lists and objects within them")


def check_lines(body: bytes, most_rows: int) -> None:
    """Raises Rejected 413 when a text has more lines than so many rows with an empty line after each."""
    if body.count(b"\n") > _AROUND * (most_rows + 1):
        raise _too_many(most_rows, "rows, or many more lines")


def _opened(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _too_many(most_rows: int, what: str) -> Rejected:
    return Rejected(413, f"the request has more than {most_rows} {what}: split it")
