"""JSON: one array of objects; a key that an object has not is a missing value."""

from collections.abc import Iterator

from pynomaly_inference.datasets.batch import Batch, Place
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.json_array import ArrayFault, object_lines
from pynomaly_inference.datasets.ndjson_reader import read_lines
from pynomaly_inference.errors import DataRejected


def read(file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
    """The array's objects, a key a column; see `batch.Reader`. An empty array yields nothing."""
    try:
        yield from read_lines(file, wanted, place, object_lines)
    except ArrayFault as fault:
        row = "" if fault.index is None else f"row {place.rows_before + fault.index + 1} "
        raise DataRejected(f"`{file.name}` cannot be read: {row}{fault}") from fault
