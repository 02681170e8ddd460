"""What a file in `detectors/` declares of its detector."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import RELATIVE_TOLERANCE, Semantics
from pynomaly_inference.convert.graph import Expr, Graph

Matrix = NDArray[np.float64]
"""[n, columns]: the rows as the detector sees them, after preprocessing."""
Scores = NDArray[np.float64]
"""[n]: one score a row."""
ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Of a sum, relative to the sum of its terms' absolute values."""
SAMPLED = 128
"""Rows of the training at most, for which the rounding around it is found."""
AROUND = 7.0
"""How far around: as golden rows, up to three ranges beyond the training rows' range."""


class Conversion(NamedTuple):
    """A detector's expressions for the columns it was fitted on."""

    score: Expr
    """double [n], as PyOD's `decision_function`."""
    contributions: Callable[[], Expr] | None = None
    """Writes double [n, columns]; not called where only the score is wanted."""


@dataclass(frozen=True, slots=True)
class ExactReference:
    """Scores without a numerical error that PyOD makes."""

    words: str
    """What it computes, in words a user understands."""
    applies: Callable[[Any], bool]
    """Is PyOD inexact for this fitted detector?"""
    scores: Callable[[Any, Matrix], Scores]


BaseScores = Callable[[int, Matrix], Scores]
"""(position among the bases, rows as that base sees them) -> the base's scores."""


def _has_no_standardiser(_detector: Any, _X: Matrix, _base: BaseScores) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Composite:
    """What a detector made of detectors declares beside."""

    bases: Callable[[Any], Sequence[Any]]
    """The fitted detectors whose graphs are part of its graph, in order."""
    scores: Callable[[Any, Matrix, BaseScores], Scores]
    """(fitted composite, rows, scores of its bases) -> its scores, combined as PyOD combines them."""
    monotone: bool = True
    """True when its score never falls while a base's rises."""
    default: tuple[str, ...] = ()
    """Of which detectors its bases are where a resource names none; empty where it must."""
    replaced: tuple[str, ...] = ()
    """Detectors that it has by default beside, and replaces by what learned their scores."""
    standardise: Callable[[Any, Matrix, BaseScores], None] = _has_no_standardiser
    """(fitted composite, training rows, its bases' training scores): fits its standardiser anew on them, in place."""
    narrows: str | None = None
    """Why its bases may see other columns than it does, as a clause; None when they see the same."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """Of a score that may be a small difference of large numbers: PyOD's own is then exact to their doubles only."""

    size: Callable[[Any, Matrix], Scores]
    """(fitted detector, rows): the sum of the absolute values of what is added and subtracted for each."""
    words: str
    """Of which sum, and where it shows, in words a user understands."""
    training_rows: Callable[[Any], Matrix]
    """Rows of its training that a fitted detector keeps, or rows like them."""

    def of(self, detector: Any, X: Matrix) -> Scores:
        """By row, how far two correct orders of summation may be apart."""
        return ROUNDING * self.size(detector, X)

    def around_training(self, detector: Any) -> float:
        """The largest for some rows of the training and around it."""
        rows = self.training_rows(detector)
        mean, rows = rows.mean(axis=0), rows[:: -(-len(rows) // SAMPLED)]
        with np.errstate(all="ignore"):
            found = self.of(detector, np.concatenate([rows, mean + AROUND * (rows - mean)]))
        return float(found[np.isfinite(found)].max(initial=0.0))


def _any_number(_detector: Any) -> None:
    return None


def _pyods_threshold(detector: Any) -> float:
    return float(detector.threshold_)


def _in_one_process(detector: Any) -> Any:
    """The detector as it is, but that PyOD starts no processes for a row."""
    same = copy(detector)
    if hasattr(same, "n_jobs"):
        same.n_jobs = 1
    return same


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One detector: what it is, which parameters it takes, and how its scores are written as a graph."""

    name: str
    """The algorithm's name in a resource: PyOD's class name."""
    path: str
    """Module and class, `pyod.models.knn.KNN`; imported only when the detector is built."""
    semantics: Semantics
    convert: Callable[[Graph, Any, Expr], Conversion]
    """(graph, fitted detector, double [n, columns]) -> its expressions. Raises NotConvertible."""
    columns: Callable[[Any], int]
    """How many columns a detector was fitted on."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """JSON Schema of each parameter that is supported; any other is refused by name. Contamination is never one."""
    required: tuple[str, ...] = ()
    """Parameters that a resource must give."""
    contributions: str | None = None
    """One sentence that defines the contributions; None where there are none."""
    extra: str | None = None
    """The extra of this distribution that the detector needs beside `train`."""
    keeps_training_rows: bool = False
    """True when the graph contains training rows."""
    chunk: Callable[[Any], int | None] = _any_number
    """Rows of one run of a fitted detector's graph at most; None: any number."""
    reference: ExactReference | None = None
    rounding: Rounding | None = None
    tolerance: float = RELATIVE_TOLERANCE
    """Relative, see `bundle.tolerance`: wider only where PyOD itself computes in single precision."""
    reads_label: bool = False
    """True when the detector learns from `training.source.label`: it is fitted on X and y."""
    only_columns: int | None = None
    """How many columns the detector takes, where that is fixed."""
    draws: bool = False
    """True when PyOD draws each score anew, so that its own training scores are not those that are served."""
    told_columns: bool = False
    """True when the class is told before fitting how many columns it will see."""
    same_length: tuple[str, str] | None = None
    """A parameter that is a list with one item for each item of another one, and that other one."""
    composite: Composite | None = None
    """What it declares beside when it is made of detectors; then the rest is of the composite without its bases."""
    fitting: frozenset[str] = frozenset()
    """Parameters that a fitted detector may have beside, since they change no graph; a resource does not have them."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Arguments with which a resource's detector is built, where PyOD's own defaults do not fit."""
    threshold: Callable[[Any], float] = _pyods_threshold
    """The score above which a fitted detector labels a row 1."""
    scores_probability: bool = False
    """True when PyOD's `predict_proba` is the score itself."""

    def detector_class(self) -> type[Any]:
        """PyOD's class; raises ImportError where the extra that it needs is not installed."""
        module, _, name = self.path.rpartition(".")
        found: type[Any] = getattr(import_module(module), name)
        return found

    def scores(self, detector: Any, X: Matrix) -> Scores:
        """What the graph must score; see `reference.reference_scores`."""
        with warnings.catch_warnings():
            # Overflow and precision are the scores' business: they are compared, infinities included.
            warnings.simplefilter("ignore", RuntimeWarning)
            if self.reference is not None and self.reference.applies(detector):
                return self.reference.scores(detector, X)
            if self.semantics is Semantics.ROW:
                alone = _in_one_process(detector)
                return np.array([float(alone.decision_function(row[None])[0]) for row in X])
            return np.asarray(detector.decision_function(X), np.float64)

    @property
    def parameters_schema(self) -> dict[str, Any]:
        """JSON Schema of the `parameters` object of a resource."""
        properties = {name: dict(schema) for name, schema in sorted(self.parameters.items())}
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, "required": list(self.required)} if self.required else schema
