"""Rows to score, as the graph takes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import CATEGORIES_INPUT, NUMBERS_INPUT


@dataclass(frozen=True, slots=True)
class Rows:
    """`n` rows split by feature type, each part in the model's feature order.

    numbers: float64 [n, numbers], NaN where a value is missing. categories: str objects [n, categories], None when the
    model has no Category.
    """

    numbers: NDArray[np.float64]
    categories: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: slice | NDArray[np.intp]) -> "Rows":
        return Rows(self.numbers[index], None if self.categories is None else self.categories[index])

    def feed(self) -> dict[str, NDArray[np.float64] | NDArray[np.object_]]:
        """The inputs of the graph."""
        if self.categories is None:
            return {NUMBERS_INPUT: self.numbers}
        return {NUMBERS_INPUT: self.numbers, CATEGORIES_INPUT: self.categories}
