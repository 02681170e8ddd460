"""The model file: one ONNX graph with all that a server must know in `metadata_props["pynomaly"]`.

This is the contract between the trainer, which writes it, and the server, which reads nothing else.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from pynomaly_inference.errors import ModelLoadFailed
from pynomaly_inference.features import FeatureType

METADATA_KEY = "pynomaly"
NUMBERS_INPUT = "X"
CATEGORIES_INPUT = "C"
RELATIVE_TOLERANCE = 1e-9


def tolerance(score: float, scale: float, relative: float = RELATIVE_TOLERANCE) -> float:
    """How far a score may be from PyOD's and still be equal: `relative * max(|score|, scale)`.

    `scale` is the median absolute training score (`Metadata.score_scale`); it keeps the bound meaningful near zero.
    """
    return relative * max(abs(score), scale)


class Semantics(StrEnum):
    """What a score of the graph means, next to PyOD's `decision_function`."""

    EXACT = "exact"
    """Equal to PyOD's score of the same rows."""
    ROW = "row"
    """Equal to PyOD's score of each row alone; PyOD lets the other rows of a batch change it."""
    FROZEN = "frozen"
    """A statistic that PyOD takes from the batch, or noise that it draws, is fixed at training."""


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class TrainedAlgorithm(_Frozen):
    """The PyOD class and the parameters it was built with, defaults included only where the user set them."""

    name: str
    parameters: Mapping[str, Any]


class TrainedFeature(_Frozen):
    """One feature of the resource, as the training rows had it."""

    name: str
    type: FeatureType
    quantiles: tuple[float, ...] | None = None
    """Number: the training rows' quantiles at `QUANTILE_LEVELS`, missing values left out."""
    levels: tuple[str, ...] | None = None
    """Category: the levels that the training rows had, sorted; any other value is of no level."""


QUANTILE_LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


class Evaluation(_Frozen):
    """How the model did. Metrics are over the held-out rows, or the training rows when none were held out.

    A metric is None where it is not defined: no label was named, or only one class is among the rows.
    """

    rows: int
    held_out: bool
    anomaly_rate: float
    """Share of the rows with label 1 by the model, in [0, 1]."""
    anomalies: int | None = None
    """Rows that the user's label calls anomalous."""
    roc_auc: float | None = None
    average_precision: float | None = None
    precision_at_n: float | None = None


class ParityCase(_Frozen):
    """One set of rows that both PyOD and the graph scored."""

    rows: int
    worst: float
    """The largest |graph - PyOD| as a share of the tolerance allowed there: at most 1."""


class Parity(_Frozen):
    """The proof that the graph scores as PyOD does."""

    reference: str
    """What the graph was compared with, in words a user understands."""
    tolerance: float
    """Relative, as `tolerance` takes it: 1e-9, but for detectors that PyOD itself computes in single precision."""
    cases: Mapping[str, ParityCase]
    rows_within_threshold_band: int
    """Rows whose score equals the threshold to the tolerance: their label is 0, as PyOD's `>` has it for a tie."""


class Golden(_Frozen):
    """Synthetic rows with PyOD's scores: a server is ready only when it computes the same."""

    numbers: tuple[tuple[float | None, ...], ...]
    categories: tuple[tuple[str, ...], ...] | None
    scores: tuple[float, ...]


class Metadata(_Frozen):
    """All that the model file says of itself. No creation time: the same inputs give the same bytes."""

    format: Literal[1] = 1
    name: str
    """The resource's name: the model's name in every protocol."""
    algorithm: TrainedAlgorithm
    semantics: Semantics
    explains: bool
    """True when the graph has an output `contributions`."""
    keeps_training_rows: bool
    """True when training rows are inside the graph, as neighbour methods need."""
    missing_values: bool
    """True when a Number may be missing (NaN, null): the graph imputes it."""
    features: tuple[TrainedFeature, ...]
    contamination: float
    threshold: float
    """PyOD's `threshold_`: a score above it, beyond the tolerance, is an anomaly."""
    score_scale: float
    """Median of |training score|; see `tolerance`."""
    score_quantiles: tuple[float, ...]
    """The training scores' quantiles at `QUANTILE_LEVELS`."""
    evaluation: Evaluation
    parity: Parity
    golden: Golden
    chunk: int | None
    """Rows that one run of the graph should take at most; None: any number."""
    training_rows: int
    data_fingerprint: str
    """sha256 of the training table: names, types and values."""
    versions: Mapping[str, str]
    """Versions of the libraries that made the file."""

    def names(self, kind: FeatureType) -> tuple[str, ...]:
        """The names of the features of one type, in the order of that type's input."""
        return tuple(feature.name for feature in self.features if feature.type is kind)

    def to_json(self) -> str:
        """The canonical text: keys in declared order, no spaces."""
        return self.model_dump_json(by_alias=True)


def parse_metadata(text: str | None) -> Metadata:
    """Reads `metadata_props["pynomaly"]`; raises ModelLoadFailed when it is absent or not of this format."""
    if text is None:
        raise ModelLoadFailed(f"not a model of this project: the file has no `{METADATA_KEY}` metadata")
    try:
        return Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelLoadFailed(f"the model's metadata cannot be read: {where}: {first['msg']}") from error
