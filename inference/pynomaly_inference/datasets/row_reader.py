"""Batches as the rows that a model scores, by the rules of training."""

import numpy as np

from pynomaly_inference.bundle import Metadata
from pynomaly_inference.datasets.batch import Batch, shown
from pynomaly_inference.datasets.category_column import read_category
from pynomaly_inference.datasets.missing_columns import require
from pynomaly_inference.datasets.number_column import SCORING, NumberColumn
from pynomaly_inference.errors import DataRejected
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows


class RowReader:
    """Reads the model's features out of batches, one after the other; columns that are no features do not matter."""

    def __init__(self, metadata: Metadata, source: str) -> None:
        self._missing_allowed = metadata.missing_values
        self._source = source
        self._numbers = {name: NumberColumn(name, SCORING) for name in metadata.names(FeatureType.NUMBER)}
        self._categories = metadata.names(FeatureType.CATEGORY)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the model reads."""
        return (*self._numbers, *self._categories)

    def read(self, batch: Batch) -> Rows:
        """The batch's rows; raises DataRejected with the column, and the row where one is to blame."""
        if batch.fixed or batch.place.rows_before == 0:
            require(self.columns, batch.columns, f"`{self._source}`")
        numbers = np.empty((batch.rows, len(self._numbers)))
        for index, (name, column) in enumerate(self._numbers.items()):
            numbers[:, index] = column.read(batch)
            missing = np.isnan(numbers[:, index])
            if missing.any() and not self._missing_allowed:
                row = batch.place.row(int(missing.argmax()))
                raise DataRejected(
                    f"column {shown(name)} has no value in {row}: "
                    "the model needs every value, as it was trained without `preprocessing.impute`"
                )
        if not self._categories:
            return Rows(numbers)
        categories = np.empty((batch.rows, len(self._categories)), object)
        for index, name in enumerate(self._categories):
            categories[:, index] = read_category(name, batch).to_numpy()
        return Rows(numbers, categories)
