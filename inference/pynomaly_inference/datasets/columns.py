"""Which columns of a source count, and as what."""

from dataclasses import dataclass

from pynomaly_inference.features import FeatureType


@dataclass(frozen=True, slots=True)
class Columns:
    """What the resource says of a source's columns.

    features: names and types in order; None is every column but label and timestamp, each a Number. label and
    timestamp: the names of those columns, None when the resource names none.
    """

    features: tuple[tuple[str, FeatureType], ...] | None = None
    label: str | None = None
    timestamp: str | None = None

    def named(self) -> tuple[str, ...]:
        """Every column that the resource names."""
        names = [name for name, _ in self.features or ()]
        return (*names, *(name for name in (self.label, self.timestamp) if name is not None))
