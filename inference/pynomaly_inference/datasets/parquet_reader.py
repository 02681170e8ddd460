"""Parquet: columns with types, read some rows at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import polars as pl

from pynomaly_inference.datasets.batch import Batch, Place
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.streams import unpacked
from pynomaly_inference.errors import DataRejected, SourceUnreachable

_SLICE_CELLS = 1 << 21
_SLICE_ROWS = 1 << 17
_BATCH_CELLS = 1 << 20


def read(file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
    """The file's rows; see `batch.Reader`.

    Slices, as polars' streaming engine holds several row groups at once; a slice holds the used columns of one at most.
    It reads that row group again for every slice in it, hence slices that are larger than a batch.
    """
    with unpacked(file) as plain:
        with _damage_named(file):
            scan = pl.scan_parquet(plain.path, glob=False, hive_partitioning=False)
            columns = tuple(scan.collect_schema().names())
            used = [name for name in columns if wanted is None or name in wanted]
            total = scan.select(pl.len()).collect().item()
        step = _rows(_SLICE_CELLS, used)
        for start in range(0, max(1, total), step):
            with _damage_named(file):
                frame = scan.select(used).slice(start, step).collect()
            end = min(total, start + step)
            for first in range(start, max(end, start + 1), _rows(_BATCH_CELLS, used)):
                rows = min(_rows(_BATCH_CELLS, used), end - first)
                fraction = (first + rows) / total if total else 1.0
                yield Batch(frame.slice(first - start, rows), rows, columns, place, fraction)
                place = replace(place, rows_before=place.rows_before + rows)


def _rows(cells: int, columns: Sequence[str]) -> int:
    """How many rows of these columns have that many cells."""
    return max(1, min(_SLICE_ROWS, cells // max(1, len(columns))))


@contextmanager
def _damage_named(file: SourceFile) -> Iterator[None]:
    """Errors of polars as errors of ours; it panics on some damaged files."""
    try:
        yield
    except pl.exceptions.DuplicateError as error:
        raise DataRejected(f"`{file.name}` has several columns of one name: give each its own name") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataRejected(f"`{file.name}` is damaged, cut off, or is no parquet file") from error
    except OSError as error:
        raise SourceUnreachable(f"cannot read `{file.name}`: {error.strerror}") from error
