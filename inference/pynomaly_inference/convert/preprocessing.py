"""What happens to a row before the detector sees it, once for NumPy and once for the graph."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.errors import NotConvertible
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

Vector = NDArray[np.float64]
"""[numbers]: a value for each Number, in feature order."""
_Values = TypeVar("_Values", Expr, NDArray[np.float64])


class ScalingKind(StrEnum):
    """scikit-learn's scalers."""

    STANDARD = "Standard"
    MINMAX = "MinMax"
    ROBUST = "Robust"


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """A fitted scaler: `(x - shift) / scale`, or `x * scale + shift` for MinMax, as scikit-learn computes it."""

    kind: ScalingKind
    shift: Vector
    scale: Vector

    @classmethod
    def standard(cls, mean: Vector, scale: Vector) -> "Scaling":
        """`StandardScaler`'s `mean_` and `scale_`."""
        return cls(ScalingKind.STANDARD, mean, scale)

    @classmethod
    def minmax(cls, scale: Vector, shift: Vector) -> "Scaling":
        """`MinMaxScaler`'s `scale_` and `min_`."""
        return cls(ScalingKind.MINMAX, shift, scale)

    @classmethod
    def robust(cls, center: Vector, scale: Vector) -> "Scaling":
        """`RobustScaler`'s `center_` and `scale_`."""
        return cls(ScalingKind.ROBUST, center, scale)

    def apply(self, numbers: _Values) -> _Values:
        """The scaled numbers, bitwise as scikit-learn's: the same operations in the same order."""
        if self.kind is ScalingKind.MINMAX:
            return numbers * self.scale + self.shift
        return (numbers - self.shift) / self.scale


def column_names(given: Iterable[str] | None, columns: int) -> list[str]:
    """A name for each of the columns a detector was fitted on: those that are given, or x0, x1, ...

    Any iterable of text will do, an array or an Index too. Raises NotConvertible for what names no columns.
    """
    if given is None:
        return [f"x{column}" for column in range(columns)]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise NotConvertible(f"`feature_names` is a list of {columns} names, not {given!r}")
    names = list(given)
    for place, name in enumerate(names, start=1):
        if not isinstance(name, str):
            raise NotConvertible(f"`feature_names`: name {place} is no text but {name!r}")
        if not name:
            raise NotConvertible(f"`feature_names`: name {place} is empty")
    if len(names) != columns:
        raise NotConvertible(f"`feature_names` has {len(names)} names: the detector was fitted on {columns} columns")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise NotConvertible(f"`feature_names`: `{name}` is there {times} times: give each column a name of its own")
    return [str(name) for name in names]


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """Fitted preprocessing: the matrix has the Numbers in feature order, then each Category's levels as 0 or 1.

    Raises ValueError when its parts do not fit together.
    """

    features: tuple[tuple[str, FeatureType], ...]
    imputed: Vector | None = None
    """What stands for a missing Number; None: none may be missing."""
    scaling: Scaling | None = None
    levels: tuple[tuple[str, ...], ...] = ()
    """The known levels of each Category, in feature order; any other value is 0 in all its columns."""

    def __post_init__(self) -> None:
        numbers = len(self.names(FeatureType.NUMBER))
        vectors = [self.imputed] if self.scaling is None else [self.imputed, self.scaling.shift, self.scaling.scale]
        if numbers == 0:
            raise ValueError("there must be at least one Number")
        if any(vector is not None and vector.shape != (numbers,) for vector in vectors):
            raise ValueError(f"imputed values and scaling must have a value for each of {numbers} Numbers")
        if len(self.levels) != len(self.names(FeatureType.CATEGORY)):
            raise ValueError("each Category must have its levels")

    @classmethod
    def none(cls, names: Sequence[str]) -> "Preprocessing":
        """Numbers as they are."""
        return cls(tuple((name, FeatureType.NUMBER) for name in names))

    def names(self, kind: FeatureType) -> tuple[str, ...]:
        """The names of the features of one type, in feature order."""
        return tuple(name for name, its_kind in self.features if its_kind is kind)

    def column_features(self) -> NDArray[np.int64]:
        """[columns]: for each column of the matrix, the position of its feature in `features`."""
        numbers = [index for index, (_, kind) in enumerate(self.features) if kind is FeatureType.NUMBER]
        categories = [index for index, (_, kind) in enumerate(self.features) if kind is FeatureType.CATEGORY]
        return np.array([*numbers, *np.repeat(categories, [len(levels) for levels in self.levels])], np.int64)

    def transform(self, rows: Rows) -> NDArray[np.float64]:
        """[n, columns]: the rows as the detector sees them."""
        numbers = rows.numbers
        if self.imputed is not None:
            numbers = np.where(np.isnan(numbers), self.imputed, numbers)
        if self.scaling is not None:
            numbers = self.scaling.apply(numbers)
        if rows.categories is None:
            return numbers
        known = [np.array(levels, object) for levels in self.levels]
        one_hot = [rows.categories[:, [index]] == levels for index, levels in enumerate(known)]
        return np.concatenate([numbers, *one_hot], axis=1, dtype=np.float64)

    def write(self, graph: Graph, numbers: Expr, categories: Expr | None) -> Expr:
        """`transform` as expressions: double [n, columns]."""
        if self.imputed is not None:
            numbers = graph.where(numbers.is_nan(), self.imputed, numbers)
        if self.scaling is not None:
            numbers = self.scaling.apply(numbers)
        if categories is None:
            return numbers
        known = [np.array(levels, object)[None] for levels in self.levels]
        one_hot = [
            categories.columns([index]).equals(levels).cast(TensorProto.DOUBLE) for index, levels in enumerate(known)
        ]
        return graph.concat(numbers, *one_hot, axis=1)
