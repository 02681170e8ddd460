"""Fitting: scikit-learn for the preprocessing, PyOD for the detector."""

import inspect
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyod.models.base import BaseDetector

from pynomaly_inference.algorithms import columns_problem
from pynomaly_inference.convert import declaration_of
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.errors import DataRejected, FitFailed, ResourceInvalid
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.spec import DetectorSpec
from pynomaly_inference.training.preprocess import fit_preprocessing


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted detector, what rows become before it sees them, and the rows that it was fitted on."""

    detector: BaseDetector
    preprocessing: Preprocessing
    rows: Rows
    warnings: tuple[str, ...]
    """What PyOD and scikit-learn warned of meanwhile."""


def fit_spec(spec: DetectorSpec, features: tuple[tuple[str, FeatureType], ...], rows: Rows) -> Fitted:
    """Fits the resource's preprocessing and algorithm on these rows.

    `training.seed` becomes `random_state` where the class takes one and the resource gives none. Raises FitFailed with
    PyOD's own words; DataRejected when constant columns leave training rows without a finite score; ResourceInvalid
    when the algorithm does not take so many features.
    """
    if problem := columns_problem(spec.algorithm.name, len(features)):
        raise ResourceInvalid(problem)
    _check_present(features, rows)
    preprocessing = fit_preprocessing(spec.preprocessing, features, rows)
    matrix = preprocessing.transform(rows)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        detector = _fit(spec, matrix)
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


def _fit(spec: DetectorSpec, matrix: NDArray[np.float64]) -> BaseDetector:
    algorithm = spec.algorithm
    detector_class = declaration_of(algorithm.name).detector_class()
    arguments = {"contamination": spec.contamination, **algorithm.parameters}
    if "random_state" in inspect.signature(detector_class).parameters:
        arguments.setdefault("random_state", spec.training.seed)
    try:
        return detector_class(**arguments).fit(matrix)
    except Exception as error:
        raise FitFailed(f"{algorithm.name} cannot be fitted on {len(matrix)} rows: {error}") from error


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
