"""How long work tells of its progress: the work knows no terminal."""

from typing import Protocol


class Progress(Protocol):
    """Something that is told what is going on."""

    def begin(self, stage: str) -> None:
        """A stage begins; the one before it has ended."""

    def advance(self, share: float, detail: str) -> None:
        """The present stage is done by this share, in [0, 1]."""

    def warn(self, sentence: str) -> None:
        """Something that the user should know and that does not stop the work."""
