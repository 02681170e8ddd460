"""Which rows train and which are held out."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from pynomaly_inference.errors import DataRejected

MIN_PER_CLASS = 2


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers, from 0, of both parts; each row is in exactly one."""

    train: NDArray[np.intp]
    held_out: NDArray[np.intp]


def split(
    rows: int,
    share: float,
    seed: int,
    *,
    label: NDArray[np.int64] | None,
    timestamp: NDArray[np.int64] | NDArray[np.float64] | None,
) -> Split:
    """Holds out `share` of the rows, rounded up.

    With a timestamp the last rows by time (ties in file order), else scikit-learn's `train_test_split` with
    `random_state=seed`, stratified by the label when there is one. Raises DataRejected when too few rows or too few of
    a class remain on either side.
    """
    if share == 0:
        return Split(np.arange(rows), np.arange(0))
    held_out = math.ceil(rows * share)
    if held_out >= rows:
        raise DataRejected(f"{rows} rows cannot spare a holdout of {share:g}: lower `training.holdout`")
    if timestamp is not None:
        order = np.argsort(timestamp, kind="stable")
        return Split(order[: rows - held_out], order[rows - held_out :])
    if label is not None:
        _check_classes(label, held_out)
    train, test = train_test_split(np.arange(rows), test_size=share, random_state=seed, stratify=label)
    return Split(train, test)


def _check_classes(label: NDArray[np.int64], held_out: int) -> None:
    classes, counts = np.unique(label, return_counts=True)
    smallest = int(counts.min())
    if smallest < MIN_PER_CLASS:
        raise DataRejected(
            f"the label is {classes[counts.argmin()]} in {smallest} row only, and both the training and the held-out "
            "rows need one: add rows or set `training.holdout: 0`"
        )
    if held_out < len(classes) or len(label) - held_out < len(classes):
        raise DataRejected(f"{len(label)} rows are too few to hold out some of each class: change `training.holdout`")
