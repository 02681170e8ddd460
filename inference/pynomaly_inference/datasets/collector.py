"""Gathers a source's batches into columns to train on."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pynomaly_inference.datasets.batch import Batch, Place, shown
from pynomaly_inference.datasets.category_column import read_category
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.label_column import read_label
from pynomaly_inference.datasets.missing_columns import require
from pynomaly_inference.datasets.number_column import TRAINING, NumberColumn
from pynomaly_inference.datasets.timestamp_column import Times, TimestampColumn
from pynomaly_inference.errors import DataRejected
from pynomaly_inference.features import MISSING_CATEGORY, FeatureType

MOST_LEVELS = 100


class Collector:
    """The columns of the batches so far. `add` raises DataRejected at the first cell that cannot be read."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._readers: dict[str, NumberColumn] = {}
        self._timestamp = TimestampColumn(columns.timestamp) if columns.timestamp else None
        self._places: list[Place] = []
        self._fixed: tuple[str, ...] | None = None
        self._levels: dict[str, set[str]] = {}
        self.rows = 0
        self.seen: dict[str, None] = {}
        """Every column met, in the order of the first meeting."""
        self.features: dict[str, FeatureType] = {}
        self.numbers: dict[str, list[NDArray[np.float64]]] = {}
        self.categories: dict[str, list[pl.Series]] = {}
        self.labels: list[NDArray[np.int64]] = []
        self.timestamps: list[Times] = []
        for name, kind in columns.features or ():
            self._start(name, kind)

    def add(self, batch: Batch) -> None:
        """Reads the batch's cells."""
        self._check_columns(batch)
        self._places.append(batch.place)
        for name, reader in self._readers.items():
            self.numbers[name].append(reader.read(batch))
        for name, parts in self.categories.items():
            parts.append(self._read_category(name, batch))
        if self._columns.label is not None:
            self.labels.append(read_label(self._columns.label, batch))
        if self._timestamp is not None:
            self.timestamps.append(self._timestamp.read(batch))
        self.rows += batch.rows

    def row(self, index: int) -> str:
        """The name of row `index`, from 0 over all batches."""
        place = max((place for place in self._places if place.rows_before <= index), key=lambda at: at.rows_before)
        return place.row(index - place.rows_before)

    def inexact(self) -> list[str]:
        """The Numbers with integers that float64 may not hold exactly."""
        return [name for name, reader in self._readers.items() if reader.inexact]

    def _start(self, name: str, kind: FeatureType) -> None:
        self.features[name] = kind
        if kind is FeatureType.CATEGORY:
            self.categories[name] = []
            self._levels[name] = set()
            return
        self._readers[name] = NumberColumn(name, TRAINING)
        self.numbers[name] = [np.full(self.rows, np.nan)] if self.rows else []

    def _check_columns(self, batch: Batch) -> None:
        """Files declare the columns that are named, or all of them the same; a JSON row may lack any."""
        self.seen |= dict.fromkeys(batch.columns)
        where = "the source" if batch.place.file is None else f"`{batch.place.file}`"
        label_and_timestamp = [name for name in (self._columns.label, self._columns.timestamp) if name is not None]
        require(self._columns.named() if batch.fixed else label_and_timestamp, batch.columns, where)
        if self._columns.features is not None:
            return
        if batch.fixed and self._fixed is not None:
            require(self._fixed, batch.columns, where)
            require(batch.columns, self._fixed, "the first file")
        self._fixed = batch.columns if batch.fixed else self._fixed
        for name in batch.columns:
            if name not in self.features and name not in self._columns.named():
                self._start(name, FeatureType.NUMBER)

    def _read_category(self, name: str, batch: Batch) -> pl.Series:
        text = read_category(name, batch)
        levels = self._levels[name]
        levels.update(text.unique().to_list())
        if len(levels) > MOST_LEVELS:
            raise DataRejected(
                f"column {shown(name)} has more than {MOST_LEVELS} levels by {batch.place.row(batch.rows - 1)}: "
                "group them, declare `type: Number`, or leave it out of `features`"
            )
        return text

    def is_empty(self, name: str) -> bool:
        """True when the feature has no value in any row."""
        if name in self.categories:
            return self._levels[name] <= {MISSING_CATEGORY}
        return all(np.isnan(part).all() for part in self.numbers[name])
