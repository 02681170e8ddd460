"""Writes the tables of docs/reliability.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass(frozen=True, slots=True)
class Table:
    """What one sweep came to."""

    text: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def write(marker: str, table: Table) -> None:
    """Replaces what stands between the markers, which the document has."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    before, _, rest = DOCUMENT.read_text("utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{DOCUMENT} has no place for {marker}: it wants {begin} and {end}")
    lines = [table.text, "", _line(table.head), "|" + "---|" * len(table.head), *map(_line, table.rows)]
    DOCUMENT.write_text("\n".join([f"{before}{begin}", *lines, f"{end}{after}"]), "utf-8")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
