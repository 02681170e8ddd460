"""How far a long read has come."""

from collections.abc import Callable

Progress = Callable[[int, float], None]
"""Told after every batch: the rows done, and the share of the source's bytes that was read, in [0, 1]."""


def silent(_rows: int, _fraction: float) -> None:
    """Tells no one."""
