"""How a model's rows look on the wire, worked out once for each model."""

from collections.abc import Mapping
from dataclasses import dataclass

from pynomaly_inference.bundle import Metadata
from pynomaly_inference.features import FeatureType


@dataclass(frozen=True, slots=True)
class Column:
    """One feature. `position` counts within the input of the graph that takes features of its type."""

    name: str
    type: FeatureType
    position: int


@dataclass(frozen=True, slots=True)
class RowSchema:
    """The features of a row in the resource's order.

    missing: a Number may be missing. numbers, categories: how many features each input of the graph has.
    """

    columns: tuple[Column, ...]
    by_name: Mapping[str, Column]
    numbers: int
    categories: int
    missing: bool

    @classmethod
    def of(cls, metadata: Metadata) -> "RowSchema":
        """The schema that a model file declares."""
        count = dict.fromkeys(FeatureType, 0)
        columns = []
        for feature in metadata.features:
            columns.append(Column(feature.name, feature.type, count[feature.type]))
            count[feature.type] += 1
        return cls(
            columns=tuple(columns),
            by_name={column.name: column for column in columns},
            numbers=count[FeatureType.NUMBER],
            categories=count[FeatureType.CATEGORY],
            missing=metadata.missing_values,
        )

    @property
    def width(self) -> int:
        """Values of one row."""
        return len(self.columns)

    def named_numbers(self) -> list[str]:
        """The names of the Number features, as the columns of the input `X`."""
        return [column.name for column in self.columns if column.type is FeatureType.NUMBER]

    def listed(self) -> str:
        """The features' names in words: what a row must hold."""
        return ", ".join(f"`{name}`" for name in self.by_name)
