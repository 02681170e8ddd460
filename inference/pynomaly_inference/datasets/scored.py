"""A file of rows to a file of scores, in batches: neither needs to fit into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from pynomaly_inference.atomic import replacing
from pynomaly_inference.datasets.batch import Batch
from pynomaly_inference.datasets.formats import Kind, SourceFile, format_from_name, source_file
from pynomaly_inference.datasets.kept_columns import aligned, kept_schema
from pynomaly_inference.datasets.progress import Progress, silent
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.datasets.row_reader import RowReader
from pynomaly_inference.datasets.writers import STREAM_WRITERS, WRITABLE, write_file
from pynomaly_inference.errors import DataRejected, PynomalyError, ResourceInvalid
from pynomaly_inference.scoring.model import Model

SCHEMA = pl.Schema({"score": pl.Float64, "label": pl.Int64, "probability": pl.Float64})


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """Standard output, or another stream that cannot seek: csv or ndjson."""

    stream: BinaryIO
    kind: Kind


def score_file(
    model: Model, source: Path, target: Path | StreamTarget, *, keep: bool = False, progress: Progress = silent
) -> int:
    """Scores every row of a file of any kind that is known; returns how many there were.

    The target has the rows in the source's order, with the columns of `SCHEMA`; `keep` puts the source's columns
    before them, a CSV's as text. A target file is .csv, .parquet or .ndjson; it appears whole at the end, or not at
    all. Raises DataRejected by the rules of training, or when a score is not finite.
    """
    file = source_file(source, str(source))
    kind = target.kind if isinstance(target, StreamTarget) else _kind(target)
    kept = kept_schema(file, SCHEMA, kind) if keep else pl.Schema()
    scoring = _Scoring(model, file, kept)
    schema = pl.Schema({**kept, **SCHEMA})
    frames = scoring.frames(progress)
    if isinstance(target, StreamTarget):
        STREAM_WRITERS[kind](frames, schema, target.stream)
        return scoring.rows
    with replacing(target) as partial:
        try:
            write_file(frames, schema, kind, partial)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise PynomalyError(f"cannot write `{target}`: {error}") from error
    return scoring.rows


def _kind(target: Path) -> Kind:
    found = format_from_name(target.name)
    if found is None or found.compression is not None or found.kind not in WRITABLE:
        raise ResourceInvalid(f"scores are written to .csv, .parquet or .ndjson, not to `{target.name}`")
    return found.kind


class _Scoring:
    """One pass over a file."""

    def __init__(self, model: Model, file: SourceFile, kept: pl.Schema) -> None:
        self._model = model
        self._file = file
        self._kept = kept
        self._reader = RowReader(model.metadata, file.name)
        self.rows = 0

    def frames(self, progress: Progress) -> Iterator[pl.DataFrame]:
        """The scored batches."""
        wanted = frozenset((*self._reader.columns, *self._kept))
        for batch in batches((self._file,), wanted):
            scores = self._scores(batch)
            yield pl.concat([aligned(batch.frame, self._kept), scores], how="horizontal") if self._kept else scores
            self.rows += batch.rows
            progress(self.rows, batch.fraction)

    def _scores(self, batch: Batch) -> pl.DataFrame:
        rows = self._reader.read(batch)
        if not batch.rows:
            return pl.DataFrame(schema=SCHEMA)
        scored = self._model.score(rows)
        unusable = np.flatnonzero(~np.isfinite(scored.scores))
        if len(unusable):
            row, score = batch.place.row(int(unusable[0])), scored.scores[unusable[0]]
            raise DataRejected(f"the score of {row} is {score}: the model cannot tell what such values mean")
        return pl.DataFrame([scored.scores, scored.labels, scored.probabilities], schema=SCHEMA)
