"""A source's rows as arrays to train on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.datasets.batch import shown
from pynomaly_inference.datasets.collector import Collector
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.fingerprint import fingerprint
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.missing_columns import require
from pynomaly_inference.datasets.number_column import LARGEST_EXACT
from pynomaly_inference.datasets.progress import Progress, silent
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.datasets.timestamp_column import Times, TimestampColumn
from pynomaly_inference.errors import DataRejected
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

FEWEST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a source, in its order.

    features: names and types, in the resource's order, or the source's where the resource names none. rows: the
    features' values. label: int64 [n], 1 is an anomaly. timestamp: int64 or float64 [n], sorts as the times do.
    warnings: sentences on what was read but may surprise. fingerprint: see `fingerprint.fingerprint`.
    """

    features: tuple[tuple[str, FeatureType], ...]
    rows: Rows
    label: NDArray[np.int64] | None
    timestamp: Times | None
    warnings: tuple[str, ...]
    fingerprint: str


def read_training_table(
    files: Sequence[SourceFile], columns: Columns, *, missing_allowed: bool, progress: Progress = silent
) -> Table:
    """Reads every row of the files, one after the other.

    `missing_allowed` says that the resource imputes missing Numbers. Raises DataRejected with a sentence that names
    the column, the row (from 1, without the header, over all files) and what to change.
    """
    collector = Collector(columns)
    wanted = None if columns.features is None else frozenset(columns.named())
    for batch in batches(files, wanted):
        collector.add(batch)
        progress(collector.rows, batch.fraction)
    return _table(collector, columns, missing_allowed=missing_allowed)


def _table(collector: Collector, columns: Columns, *, missing_allowed: bool) -> Table:
    if collector.rows == 0:
        raise DataRejected("the source has no rows")
    require(columns.named(), collector.seen, "the source")
    if not collector.numbers:
        raise DataRejected("no feature is a Number: a detector needs at least one")
    if collector.rows < FEWEST_ROWS:
        raise DataRejected(f"{collector.rows} rows are too few to train on: at least {FEWEST_ROWS} are needed")
    for name in collector.features:
        if collector.is_empty(name):
            raise DataRejected(f"column {shown(name)} has no value in any row: leave it out of `features`")
    numbers = _numbers(collector)
    if not missing_allowed:
        _refuse_missing(collector, numbers)
    names = tuple(collector.numbers)
    warnings = (*_inexact(collector), *_constant(names, numbers))
    rows = Rows(numbers, _categories(collector))
    features = tuple(collector.features.items())
    label = np.concatenate(collector.labels) if collector.labels else None
    timestamp = TimestampColumn.joined(collector.timestamps) if collector.timestamps else None
    return Table(features, rows, label, timestamp, warnings, fingerprint(features, rows, label, timestamp))


def _numbers(collector: Collector) -> NDArray[np.float64]:
    """The Numbers side by side; each column's parts are let go as soon as they are copied."""
    numbers = np.empty((collector.rows, len(collector.numbers)))
    for index, parts in enumerate(collector.numbers.values()):
        numbers[:, index] = np.concatenate(parts)
        parts.clear()
    return numbers


def _categories(collector: Collector) -> NDArray[np.object_] | None:
    if not collector.categories:
        return None
    categories = np.empty((collector.rows, len(collector.categories)), object)
    for index, parts in enumerate(collector.categories.values()):
        categories[:, index] = np.concatenate([part.to_numpy() for part in parts])
    return categories


def _refuse_missing(collector: Collector, numbers: NDArray[np.float64]) -> None:
    for name, column in zip(collector.numbers, numbers.T, strict=True):
        missing = np.isnan(column)
        if missing.any():
            row = collector.row(int(missing.argmax()))
            raise DataRejected(f"column {shown(name)} has no value in {row}: set `preprocessing.impute`")


def _inexact(collector: Collector) -> list[str]:
    return [
        f"column {shown(name)} holds integers beyond {LARGEST_EXACT}: they are rounded to the nearest float64"
        for name in collector.inexact()
    ]


def _constant(names: Sequence[str], numbers: NDArray[np.float64]) -> list[str]:
    """Sentences on the Numbers that have one value in all rows that have any."""
    lowest, highest = np.nanmin(numbers, axis=0), np.nanmax(numbers, axis=0)
    return [
        f"column {shown(name)} is constant ({low:g}): it tells no row from another"
        for name, low, high in zip(names, lowest.tolist(), highest.tolist(), strict=True)
        if low == high
    ]
