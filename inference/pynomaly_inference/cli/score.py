"""`pynomaly score`: a file of rows in, a file of scores out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pynomaly_inference.cli.console import shown_progress

STANDARD_OUTPUT = Path("-")


def score(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="A model file of `pynomaly train`.")],
    rows: Annotated[
        Path, typer.Argument(metavar="ROWS", help="csv, parquet, ndjson, json or xlsx, also .gz and .zst.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="SCORES", help="csv, parquet or ndjson; - for csv on standard output."),
    ],
    keep: Annotated[bool, typer.Option("--keep", help="Write the input's columns too.")] = False,
) -> None:
    """Score a file row by row, in order, into columns score, label and probability."""
    from pynomaly_inference.datasets.formats import Kind
    from pynomaly_inference.datasets.scored import StreamTarget, score_file
    from pynomaly_inference.scoring.model import Model

    loaded = Model.load(model)
    loaded.check_golden()
    target = StreamTarget(sys.stdout.buffer, Kind.CSV) if output == STANDARD_OUTPUT else output
    with shown_progress() as progress:
        progress.begin("Scoring")
        scored = score_file(
            loaded, rows, target, keep=keep, progress=lambda done, share: progress.advance(share, f"{done:,} rows")
        )
    typer.echo(f"{scored:,} rows scored into {output}", err=True)
