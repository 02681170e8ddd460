"""Scoring in a process of its own: its memory, and what is left when it is stopped."""

import os
import signal
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
    """The rows over and over until the file has 200 MiB; returns how many rows that is."""
    block = b"".join(rows)
    times = 200 * MIB // len(block)
    with path.open("wb") as file:
        file.write(header)
        for _ in range(times):
            file.write(block)
    return times * len(rows)


def large_parquet(path: Path, rows_per_group: int) -> int:
    """Some 400 MiB of random numbers, which no encoding makes small; returns how many rows that is."""
    numbers = np.random.default_rng(0).normal(size=(40, rows_per_group))
    group = pa.table({f"c{index}": column for index, column in enumerate(numbers)})
    times = 400 * MIB // numbers.nbytes
    with pq.ParquetWriter(path, group.schema, use_dictionary=False, compression="none") as writer:
        for _ in range(times):
            writer.write_table(group, row_group_size=rows_per_group)
    return times * rows_per_group


MEASURED = """
    loaded = Model.load(model)
    print(peak(), score_file(loaded, source, target), peak())
"""
CELLS = [f"{index}.123456789" for index in range(1000)]
PADDING = "x" * 150


@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson", "rows.parquet"])
def test_a_file_larger_than_the_memory_it_takes_is_scored(model_file: ModelFile, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    numbers: tuple[str, ...] = ("c0", "c1")
    if name == "rows.csv":
        rows = large_text(path, b"c0,c1,pad\n", [f"{cell},{cell},{PADDING}\n".encode() for cell in CELLS])
    elif name == "rows.ndjson":
        rows = large_text(path, b"", [f'{{"c0":{cell},"c1":{cell},"pad":"{PADDING}"}}\n'.encode() for cell in CELLS])
    else:
        numbers = tuple(f"c{index}" for index in range(40))
        rows = large_parquet(path, 1 << 16)
    figures = output(MEASURED, model_file(*numbers), path, tmp_path / "out.parquet")
    before, scored, after = map(int, figures.split())
    size = path.stat().st_size
    print(f"{name}: {size / MIB:.0f} MiB, memory {before / MIB:.0f} -> {after / MIB:.0f} MiB")  # noqa: T201 - for -s
    assert scored == rows
    assert pl.scan_parquet(tmp_path / "out.parquet").select(pl.len()).collect().item() == rows
    assert after - before < size / 2


INTERRUPTED = """
    import time
    from pynomaly_inference.datasets import blocks
    blocks.BLOCK = 1 << 10

    def slowly(rows, fraction):
        if rows > 1000:
            print("underway", flush=True)
        time.sleep(0.02)

    try:
        score_file(Model.load(model), source, target, progress=slowly)
    except KeyboardInterrupt:
        print("interrupted", *sorted(path.name for path in target.parent.iterdir()))
"""


@pytest.mark.parametrize("target", ["out.csv", "out.ndjson", "out.parquet"])
def test_interrupting_leaves_no_half_written_file(model_file: ModelFile, tmp_path: Path, target: str) -> None:
    pl.DataFrame({"a": np.arange(100_000.0)}).write_csv(tmp_path / "rows.csv")
    with start(INTERRUPTED, model_file("a"), tmp_path / "rows.csv", tmp_path / target) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "underway\n"
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)
    assert text.splitlines()[-1] == "interrupted rows.csv"


FULL_DISK = """
    import resource
    import signal
    from pynomaly_inference.errors import PynomalyError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        score_file(Model.load(model), source, target)
    except PynomalyError as error:
        print(error)
"""


@pytest.mark.parametrize("target", ["out.csv", "out.ndjson", "out.parquet"])
def test_a_full_disk_is_reported_and_leaves_nothing(model_file: ModelFile, tmp_path: Path, target: str) -> None:
    pl.DataFrame({"a": np.random.default_rng(0).normal(size=50_000)}).write_csv(tmp_path / "rows.csv")
    text = output(FULL_DISK, model_file("a"), tmp_path / "rows.csv", tmp_path / target)
    assert text.startswith(f"cannot write `{tmp_path / target}`: ")
    assert "File too large" in text
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
