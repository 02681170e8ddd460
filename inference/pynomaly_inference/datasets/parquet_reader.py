"""Parquet: columns with types, read some rows at a time whatever its row groups."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import polars as pl

from pynomaly_inference.datasets.batch import Batch, Place
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.streams import unpacked
from pynomaly_inference.errors import DataRejected, SourceUnreachable

_CELLS = 1 << 22
_MOST_ROWS = 1 << 16


def read(file: SourceFile, wanted: frozenset[str] | None, place: Place) -> Iterator[Batch]:
    """The file's rows; see `batch.Reader`.

    Slices, not polars' streaming engine: it holds whole row groups, and a file may be a single one.
    """
    with unpacked(file) as plain:
        with _damage_named(file):
            scan = pl.scan_parquet(plain.path, glob=False, hive_partitioning=False)
            columns = tuple(scan.collect_schema().names())
            used = [name for name in columns if wanted is None or name in wanted]
            total = scan.select(pl.len()).collect().item()
        step = max(1, min(_MOST_ROWS, _CELLS // max(1, len(used))))
        for start in range(0, max(1, total), step):
            length = min(step, total - start)
            with _damage_named(file):
                frame = scan.select(used).slice(start, length).collect()
            yield Batch(frame, length, columns, place, min(1.0, (start + step) / max(1, total)))
            place = replace(place, rows_before=place.rows_before + length)


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
