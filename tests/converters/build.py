"""What a row of the converters' test matrix is: a detector with parameters, and where PyOD refuses it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One detector with one set of parameters."""

    make: Callable[[], Any]
    """The detector, not fitted."""
    labelled: bool = False
    """True when it is fitted on X and y."""
    columns: int | None = None
    """Only so many leading columns, where the detector takes no more."""
    refuses: Mapping[str, str] = field(default_factory=dict)
    """Kinds of data on which PyOD's own `fit` raises, with a part of its message: asserted, not skipped."""
    frozen: bool = False
    """True when what PyOD takes from the batch or draws is fixed: where its scores are PyOD's is a test of its own."""
    rows: int = 300
    """Training rows: fewer where fitting is slow."""
    absolute: float = 0.0
    """How far PyOD's scores of thyroid's rows are from exact ones beside the tolerance, where PyOD is inexact."""
