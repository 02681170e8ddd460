"""Fitting: scikit-learn for the preprocessing, PyOD for the detector."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import numpy as np
from numpy.typing import NDArray
from pyod.models.base import BaseDetector

from pynomaly_inference.algorithms import columns_problem
from pynomaly_inference.convert import declaration_of
from pynomaly_inference.convert.build import Setting, build
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.convert.rescoring import rescore
from pynomaly_inference.errors import DataRejected, FitFailed, PynomalyError, ResourceInvalid
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.spec import DetectorSpec
from pynomaly_inference.training.preprocess import fit_preprocessing

Labels = NDArray[np.int64]
"""[n]: 1 for each anomaly, else 0."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted detector, what rows become before it sees them, and the rows that it was fitted on."""

    detector: BaseDetector
    preprocessing: Preprocessing
    rows: Rows
    warnings: tuple[str, ...]
    """What PyOD and scikit-learn warned of meanwhile."""


def fit_spec(
    spec: DetectorSpec, features: tuple[tuple[str, FeatureType], ...], rows: Rows, label: Labels | None
) -> Fitted:
    """Fits the resource's preprocessing and algorithm on these rows; `label` is theirs, for algorithms that learn it.

    `training.seed` becomes `random_state` where the class takes one and the resource gives none. Raises FitFailed with
    PyOD's own words; DataRejected when constant columns leave training rows without a finite score or the label that is
    to be learned has one class; ResourceInvalid when the algorithm does not take so many features or needs an extra
    that is not installed.
    """
    if problem := columns_problem(spec.algorithm.name, spec.algorithm.parameters, len(features)):
        raise ResourceInvalid(problem)
    _check_present(features, rows)
    preprocessing = fit_preprocessing(spec.preprocessing, features, rows)
    matrix = preprocessing.transform(rows)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "y should not be presented")  # PyOD says so to the detectors that demand it
        detector = _fit(spec, matrix, label if declaration_of(spec.algorithm.name).reads_label else None)
    _check_finite(detector, _constant(features, rows))
    told = dict.fromkeys(f"{spec.algorithm.name}: {warning.message}" for warning in caught)
    return Fitted(detector, preprocessing, rows, tuple(told))


def _check_present(features: tuple[tuple[str, FeatureType], ...], rows: Rows) -> None:
    names = [name for name, kind in features if kind is FeatureType.NUMBER]
    for name, values in zip(names, rows.numbers.T, strict=True):
        if np.isnan(values).all():
            raise DataRejected(
                f"column `{name}` has no value in the {len(rows):,} training rows, only in held-out ones: "
                "leave it out of `features`"
            )


def _fit(spec: DetectorSpec, matrix: NDArray[np.float64], label: Labels | None) -> BaseDetector:
    algorithm = spec.algorithm
    if label is not None:
        _check_classes(algorithm.name, label)
    try:
        setting = Setting(spec.contamination, spec.training.seed, matrix.shape[1])
        detector = build(algorithm.name, algorithm.parameters, setting)
        # Networks of PyOD's print each epoch; what a command prints is its answer.
        with _seeded(spec.training.seed), redirect_stdout(StringIO()):
            detector = detector.fit(matrix) if label is None else detector.fit(matrix, label)
    except PynomalyError:
        raise
    except Exception as error:
        raise FitFailed(f"{algorithm.name} cannot be fitted on {len(matrix)} rows: {error}") from error
    rescore(detector, matrix)
    return detector


def _check_classes(name: str, label: Labels) -> None:
    classes = np.unique(label)
    if len(classes) == 1:
        raise DataRejected(
            f"the label is {classes[0]} in all {len(label):,} training rows, and {name} learns from rows of both "
            "classes: give it more rows, or choose an algorithm that needs no label"
        )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Some detectors draw from the global generators of NumPy and torch: the same seed must give the same model."""
    torch = sys.modules.get("torch")  # there when the detector is a network
    state = np.random.get_state()  # noqa: NPY002 - the generator that PyOD's detectors draw from
    np.random.seed(seed)  # noqa: NPY002 - the same
    with torch.random.fork_rng() if torch else nullcontext():
        if torch:
            torch.manual_seed(seed)
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002 - the same


def _constant(features: tuple[tuple[str, FeatureType], ...], rows: Rows) -> tuple[str, ...]:
    names = [name for name, kind in features if kind is FeatureType.NUMBER]
    return tuple(
        name for name, values in zip(names, rows.numbers.T, strict=True) if np.nanmin(values) == np.nanmax(values)
    )


def _check_finite(detector: BaseDetector, constant: tuple[str, ...]) -> None:
    broken = int(np.count_nonzero(~np.isfinite(detector.decision_scores_)))
    if broken == 0:
        return
    name = type(detector).__name__
    if constant:
        columns = ", ".join(f"`{column}`" for column in constant)
        raise DataRejected(
            f"{name} gives {broken} training rows no finite score, because these columns are constant: {columns}; "
            "leave them out of `features`"
        )
    raise FitFailed(f"{name} gives {broken} training rows no finite score: change its parameters or the algorithm")
