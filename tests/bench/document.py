"""Tables of docs/benchmarks.md, of which one run may measure a part: the other rows stay."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
INTRODUCTION = "# Benchmarks\n\nEach table is written by the script that it names, in one run on one machine.\n"

Key = tuple[str, ...]
Rows = Mapping[Key, str]
"""Lines of tables by their first cells."""


def written(marker: str, cells: int) -> dict[Key, str]:
    """The rows between the markers as they stand in the document, by their first `cells` cells."""
    text = DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else ""
    section = text.partition(_begin(marker))[2].partition(_end(marker))[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return {tuple(cell.strip() for cell in line.split("|")[1 : cells + 1]): line for line in lines}


def merged(wanted: Iterable[Key], measured: Rows, before: Rows, missing: Mapping[Key, str]) -> list[str]:
    """The line of each wanted key: as measured now, else as it was written before, else why it is missing."""
    return [measured.get(key) or before.get(key) or line(*key, missing[key]) for key in wanted]


def line(*cells: str) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def head(cells: Sequence[str]) -> list[str]:
    """The first two lines of a Markdown table."""
    return [line(*cells), "|" + "---|" * len(cells)]


def write(marker: str, section: str) -> None:
    """Replaces the section between the markers, or adds it at the end."""
    text = DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else INTRODUCTION
    begin, end = _begin(marker), _end(marker)
    if begin not in text:
        text = f"{text}\n{begin}\n{end}\n"
    before, _, rest = text.partition(begin)
    DOCUMENT.write_text(f"{before}{begin}\n{section}\n{end}{rest.partition(end)[2]}", "utf-8")


def _begin(marker: str) -> str:
    return f"<!-- {marker}:begin -->"


def _end(marker: str) -> str:
    return f"<!-- {marker}:end -->"
