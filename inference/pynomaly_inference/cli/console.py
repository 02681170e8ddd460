"""What a person sees while something runs: bars on a terminal, plain lines elsewhere, always on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from rich import progress as bars
from rich.console import Console

from pynomaly_inference.progress import Progress


class Format(StrEnum):
    """How results are printed on standard output."""

    TEXT = "text"
    JSON = "json"


class _Lines:
    """One line a stage: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, stage: str) -> None:
        self._console.print(f"{stage} ...", markup=False, highlight=False)

    def advance(self, share: float, detail: str) -> None:
        """A log needs no steps within a stage."""

    def warn(self, sentence: str) -> None:
        self._console.print(f"Warning: {sentence}", markup=False, highlight=False, soft_wrap=True)


class _Bars:
    """One bar a stage: for a terminal."""

    def __init__(self, drawn: bars.Progress) -> None:
        self._drawn = drawn
        self._task: bars.TaskID | None = None

    def begin(self, stage: str) -> None:
        self.end()
        self._task = self._drawn.add_task(stage, total=None, detail="")

    def advance(self, share: float, detail: str) -> None:
        if self._task is not None:
            self._drawn.update(self._task, total=1.0, completed=share, detail=detail)

    def warn(self, sentence: str) -> None:
        self._drawn.console.print(f"Warning: {sentence}", markup=False, highlight=False, style="yellow")

    def end(self) -> None:
        """Fills the present stage's bar."""
        if self._task is not None:
            self._drawn.update(self._task, total=1.0, completed=1.0)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Shows progress on standard error until the block ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        bars.SpinnerColumn(finished_text="[green]✓"),
        bars.TextColumn("{task.description:12}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[detail]}"),
    )
    with bars.Progress(*columns, console=console) as drawn:
        shown = _Bars(drawn)
        yield shown
        shown.end()
