"""Scoring in a process of its own: its memory, and what is left when it is stopped."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pynomaly_inference

ModelFile = Callable[..., Path]
PACKAGES = Path(pynomaly_inference.__file__).parent.parent
MIB = 1 << 20

SCORE = """
import sys
from pathlib import Path
from pynomaly_inference.datasets.scored import score_file
from pynomaly_inference.scoring.model import Model

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

model, source, target = map(Path, sys.argv[1:4])
"""


def start(script: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCORE + textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
    )


def output(script: str, *arguments: Path) -> str:
    with start(script, *arguments) as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text.strip()


def large_text(path: Path, header: bytes, rows: list[bytes]) -> int:
    """The rows over and over until the file has 300 MiB; returns how many rows that is."""
    block = b"".join(rows)
    times = 300 * MIB // len(block)
    with path.open("wb") as file:
        file.write(header)
        for _ in range(times):
            file.write(block)
    return times * len(rows)


def large_parquet(path: Path, rows_per_group: int) -> int:
    """Some 300 MiB of random numbers, which no encoding makes small; returns how many rows that is."""
    numbers = np.random.default_rng(0).normal(size=(10, rows_per_group))
    group = pa.table({f"c{index}": column for index, column in enumerate(numbers)})
    times = 300 * MIB // numbers.nbytes
    with pq.ParquetWriter(path, group.schema, use_dictionary=False, compression="none") as writer:
        for _ in range(times):
            writer.write_table(group, row_group_size=rows_per_group)
    return times * rows_per_group


CELLS = [f"{index}.123456789" for index in range(1000)]
PADDING = "x" * 150


@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson", "rows.parquet", "one-row-group.parquet"])
@pytest.mark.parametrize("target", ["out.parquet"])
def test_a_file_larger_than_the_memory_it_takes_is_scored(
    model_file: ModelFile, tmp_path: Path, name: str, target: str
) -> None:
    path = tmp_path / name
    numbers: tuple[str, ...] = ("c0", "c1")
    if name == "rows.csv":
        rows = large_text(path, b"c0,c1,pad\n", [f"{cell},{cell},{PADDING}\n".encode() for cell in CELLS])
    elif name == "rows.ndjson":
        rows = large_text(path, b"", [f'{{"c0":{cell},"c1":{cell},"pad":"{PADDING}"}}\n'.encode() for cell in CELLS])
    else:
        numbers = tuple(f"c{index}" for index in range(10))
        rows = large_parquet(path, 65_536 if name == "rows.parquet" else 300 * MIB // 80)
    script = "print(score_file(Model.load(model), source, target), peak())"
    scored, peak = map(int, output(script, model_file(*numbers), path, tmp_path / target).split())
    print(f"{name}: {path.stat().st_size / MIB:.0f} MiB read, peak {peak / MIB:.0f} MiB")  # noqa: T201 - shown by -s
    assert scored == rows
    assert pl.scan_parquet(tmp_path / target).select(pl.len()).collect().item() == rows
    assert peak < path.stat().st_size * 0.8
