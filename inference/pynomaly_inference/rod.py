"""Rotation-based outlier detection that keeps what scoring one row needs: Almardeny, Boujnah and Cleary, TKDE 2020."""

from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pyod.models.rod import ROD as PyodROD  # noqa: N811 - the class is an acronym

Matrix = NDArray[np.float64]

SPACE = 3
"""Rows are rotated in subspaces of three columns."""


class ROD(PyodROD):  # type: ignore[misc]  # PyOD publishes no types
    """PyOD's ROD with the median deviation of its training rows' costs, by which `frozen_scores` divides.

    PyOD divides by the median deviation of the rows it is scoring, so that a row alone always has the same score, and
    keeps none. `deviations_`: [subspaces]; `n_features_in_`: the training rows' columns.
    """

    def fit(self, X: Matrix, y: object = None) -> Self:
        """As PyOD's."""
        super().fit(X, y)
        self.n_features_in_ = np.shape(X)[1]
        self.deviations_ = np.median(np.abs(costs(self, np.asarray(X, np.float64)) - np.ravel(self.median_)), axis=0)
        return self


def subspaces(detector: Any) -> NDArray[np.int64]:
    """[subspaces, 3]: the columns of each, among at least three."""
    return np.array(list(combinations(range(max(SPACE, detector.n_features_in_)), SPACE)))


def angle_scaling(detector: Any) -> tuple[Matrix, Matrix]:
    """Two of [2, subspaces]: factor and offset of the angles up to 90 degrees, and of those above."""
    one = detector.n_features_in_ <= SPACE
    scalers = (detector.angles_scaler1_, detector.angles_scaler2_)
    acute, obtuse = (
        np.array([[scaler.scale_[0], scaler.min_[0]] for scaler in ([found] if one else found)]).T for found in scalers
    )
    return acute, obtuse


def costs(detector: Any, X: Matrix) -> Matrix:
    """[n, subspaces]: the volume by which the row's rotation about the geometric median changes its parallelepiped.

    The angle is the arc tangent of sine and cosine; PyOD's arc cosine loses half of the digits near the median's axis.
    """
    if detector.n_features_in_ > SPACE:
        X = detector.data_scaler_.transform(X)
    X = np.pad(X, [(0, 0), (0, max(0, SPACE - X.shape[1]))])
    found = []
    medians = np.reshape(detector.gm_, (-1, SPACE))
    for columns, median, acute, obtuse in zip(
        subspaces(detector), medians, *(scaling.T for scaling in angle_scaling(detector)), strict=True
    ):
        centred = X[:, columns] - median
        along, across = centred @ median, np.linalg.norm(np.cross(centred, median), axis=1)
        # Without a direction, PyOD takes a right angle.
        angles = np.where((along == 0) & (across == 0), np.pi / 2, np.arctan2(across, along))
        scaled = np.where(along >= 0, angles * acute[0] + acute[1], angles * obtuse[0] + obtuse[1])
        found.append(np.linalg.norm(centred, axis=1) ** 3 * np.cos(scaled) * np.sin(scaled) ** 2)
    return np.stack(found, axis=1)


def frozen_scores(detector: Any, X: Matrix) -> Matrix:
    """[n]: PyOD's scores, with the training rows' median deviations in place of those of X."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = 0.6745 * np.abs(costs(detector, X) - np.ravel(detector.median_)) / detector.deviations_
    if detector.n_features_in_ <= SPACE:
        return np.asarray(scores[:, 0])
    return np.asarray((1 / (1 + np.exp(-np.nan_to_num(scores)))).mean(axis=1))
