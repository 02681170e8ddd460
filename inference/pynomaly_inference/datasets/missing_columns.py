"""Sentences on columns that are not there."""

from collections.abc import Collection
from difflib import get_close_matches

from pynomaly_inference.datasets.batch import shown
from pynomaly_inference.errors import DataRejected

_MOST_LISTED = 20


def require(wanted: Collection[str], present: Collection[str], where: str) -> None:
    """Raises DataRejected for the first wanted column that is absent; `where` is the file's name or "the source"."""
    for name in wanted:
        if name not in present:
            raise DataRejected(f"{where} has no column {shown(name)}{_near(name, present)}")


def _near(name: str, present: Collection[str]) -> str:
    if not present:
        return ": it has no columns at all"
    near = get_close_matches(name, present, n=1) or [other for other in present if other.lower() == name.lower()]
    question = f": did you mean {shown(near[0])}?" if near else ":"
    listed = ", ".join(shown(other) for other in list(present)[:_MOST_LISTED])
    more = f" and {len(present) - _MOST_LISTED} more" if len(present) > _MOST_LISTED else ""
    return f"{question} It has {listed}{more}".replace(": It", ": it")
