"""Fitting what happens to a row before the detector sees it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from pynomaly_inference.convert.preprocessing import Preprocessing, Scaling
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.spec import Preprocessing as Wanted


def fit_preprocessing(wanted: Wanted, features: tuple[tuple[str, FeatureType], ...], rows: Rows) -> Preprocessing:
    """What the resource wants, with the numbers that scikit-learn takes from these training rows."""
    numbers = rows.numbers
    imputed = None
    if wanted.impute is not None:
        imputer = SimpleImputer(strategy=wanted.impute.lower())
        numbers = imputer.fit_transform(numbers)
        imputed = imputer.statistics_
    scaling = None if wanted.scale is None else _scaling(wanted.scale, numbers)
    return Preprocessing(features, imputed, scaling, _levels(rows.categories))


def _scaling(kind: str, numbers: NDArray[np.float64]) -> Scaling:
    if kind == "Standard":
        standard = StandardScaler().fit(numbers)
        return Scaling.standard(standard.mean_, standard.scale_)
    if kind == "MinMax":
        minmax = MinMaxScaler().fit(numbers)
        return Scaling.minmax(minmax.scale_, minmax.min_)
    robust = RobustScaler().fit(numbers)
    return Scaling.robust(robust.center_, robust.scale_)


def _levels(categories: NDArray[np.object_] | None) -> tuple[tuple[str, ...], ...]:
    if categories is None:
        return ()
    return tuple(tuple(sorted(set(column))) for column in categories.T)
