"""The input's columns beside their scores."""

import polars as pl

from pynomaly_inference.datasets.batch import shown
from pynomaly_inference.datasets.dtypes import Cells, cells_of
from pynomaly_inference.datasets.formats import Kind, SourceFile
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.errors import DataRejected


def kept_schema(file: SourceFile, added: pl.Schema, target: Kind) -> pl.Schema:
    """The names and types of the input's columns, as every batch of them is written.

    ndjson is read through for it: its rows may bring new keys, or other types, until the last. Raises DataRejected
    when a name clashes with one of the added columns, or the target cannot hold a type.
    """
    schema = pl.Schema()
    for batch in batches((file,), None):
        schema = _joined(schema, batch.frame.schema, file)
        if batch.fixed:
            break
    for name, dtype in schema.items():
        if name in added:
            raise DataRejected(f"`{file.name}` has a column {shown(name)} already: rename it, or do not keep columns")
        cells = cells_of(dtype)
        if target is Kind.CSV and cells in {Cells.LISTS, Cells.BYTES}:
            raise DataRejected(f"column {shown(name)} holds {cells}, which CSV cannot: write .parquet or .ndjson")
    return schema


def aligned(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame with exactly the schema's columns, null where it has none."""
    return frame.select(
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )


def _joined(first: pl.Schema, second: pl.Schema, file: SourceFile) -> pl.Schema:
    """One schema that holds the values of both."""
    frames = [pl.DataFrame(schema=schema) for schema in (first, second)]
    try:
        return pl.concat(frames, how="diagonal_relaxed").schema
    except pl.exceptions.PolarsError as error:
        raise DataRejected(f"`{file.name}` has a column of values too unlike to be kept beside the scores") from error
