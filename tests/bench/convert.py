"""PyOD against its ONNX graphs: CPU time of one scoring call, one thread each.

    python tests/bench/convert.py            prints the table
    python tests/bench/convert.py --write    also writes it into docs/benchmarks.md

Each cell is the median of interleaved rounds on the same rows. A graph is asked for score, label and probability, in
chunks as the server does. Ratios above 1 mean that the graph is faster.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes no types

from pynomaly_inference.convert import declaration_of, to_onnx
from pynomaly_inference.scoring.model import OUTPUTS
from pynomaly_inference.scoring.prune import prune

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- convert:begin -->", "<!-- convert:end -->"
INTRODUCTION = "# Benchmarks\n\nEach table is written by the script that it names, in one run on one machine.\n"
SIZES = (1, 64, 1_000, 10_000)
SECONDS = 1.0
"""For one cell; at least `LEAST` rounds, at most `MOST`."""
LEAST, MOST = 5, 200

NOTES = (
    "KNN's graph compares each row with every training row, in chunks that stay in the cache; PyOD searches a k-d tree",
    "up to 15 features and multiplies matrices above: with large batches both take about as long. A forest's graph",
    "walks the same trees as scikit-learn: at 10,000 rows, little but the overhead of a call is left to save.",
)

Matrix = NDArray[np.float64]
Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """One detector on one data set. Milliseconds: `calls` of PyOD and of the graph, by rows a call."""

    name: str
    data: str
    calls: dict[int, tuple[float, float]]
    conversion: float
    session: float
    kibibytes: int


def detectors() -> list[Any]:
    """The detectors with PyOD's defaults, where these are not random."""
    return [ECOD(), HBOS(), IForest(random_state=0), KNN(), PCA()]


def measure(detector: Any, data: str, training: Matrix, rows: Matrix) -> Measured:
    """Fits, converts, and times calls of every size."""
    detector.fit(training)
    begin = time.perf_counter()
    model = to_onnx(detector)
    converted = time.perf_counter()
    content = model.SerializeToString()
    serialised = time.perf_counter()
    session = _session(prune(content, OUTPUTS))
    loaded = time.perf_counter()
    chunk = declaration_of(detector).chunk(detector)
    calls = {}
    random = np.random.default_rng(0)
    for size in SIZES:
        # Drawn, not repeated in order: a processor learns the branches of repeated rows.
        batch = rows[random.integers(0, len(rows), size)]
        calls[size] = _interleaved(partial(detector.decision_function, batch), partial(_score, session, batch, chunk))
    return Measured(
        type(detector).__name__, data, calls, (converted - begin) * 1e3, (loaded - serialised) * 1e3, len(content) >> 10
    )


def _session(content: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _score(session: ort.InferenceSession, rows: Matrix, chunk: int | None) -> None:
    step = chunk or len(rows)
    for start in range(0, len(rows), step):
        session.run(OUTPUTS, {"X": rows[start : start + step]})


def _interleaved(*calls: Call) -> tuple[float, float]:
    """The median CPU milliseconds of each of two calls, taken in turns: what else runs on the machine counts less."""
    for call in calls:
        call()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + SECONDS
    while len(times[0]) < LEAST or (time.perf_counter() < end and len(times[0]) < MOST):
        for call, taken in zip(calls, times, strict=True):
            begin = time.process_time()
            call()
            taken.append((time.process_time() - begin) * 1e3)
    return statistics.median(times[0]), statistics.median(times[1])


def table(measured: list[Measured]) -> Iterator[str]:
    """The lines of the Markdown table."""
    yield "| data | detector | " + " | ".join(f"{size:,} rows" for size in SIZES) + " | convert | load | file |"
    yield "|---|---|" + "---|" * (len(SIZES) + 3)
    for one in measured:
        cells = [f"{pyod:.3g} / {onnx:.3g} = **{_ratio(pyod / onnx)}**" for pyod, onnx in one.calls.values()]
        costs = f"{one.conversion:.0f} ms | {one.session:.0f} ms | {one.kibibytes:,} KiB"
        yield f"| {one.data} | {one.name} | {' | '.join(cells)} | {costs} |"


def _ratio(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"


def run() -> str:
    """The whole section of the document."""
    measured, described = [], []
    for data in ("cardio", "shuttle"):
        X = np.load(ROOT / "tests" / "data" / f"{data}.npz")["X"].astype(np.float64)
        training, rows = train_test_split(X, test_size=0.3, random_state=0)
        varying = np.ptp(training, axis=0) > 0  # PyOD's PCA scores infinity otherwise
        training, rows = training[:, varying], rows[:, varying]
        described.append(f"{data}: {len(training):,} training rows x {training.shape[1]}")
        measured += [measure(detector, data, training, rows) for detector in detectors()]
    versions = ", ".join(f"{name} {version(name)}" for name in ("pyod", "scikit-learn", "onnxruntime"))
    return "\n".join(
        [
            "## PyOD against its ONNX graphs",
            "",
            "`python tests/bench/convert.py`: CPU milliseconds of one call, PyOD / ONNX = ratio, medians of",
            "interleaved rounds, one thread each; the graph computes score, label and probability in server chunks.",
            "",
            f"{'; '.join(described)}. {versions}, Python {platform.python_version()}, {_processor()}.",
            "",
            *table(measured),
            "",
            *NOTES,
        ]
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def write(section: str) -> None:
    """Replaces the section between the markers, or adds it at the end."""
    text = DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else INTRODUCTION
    if BEGIN not in text:
        text = f"{text}\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{section}\n{END}{rest.partition(END)[2]}", "utf-8")


def main() -> None:
    """Prints the section, and writes it when asked to."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    wanted = arguments.parse_args()
    with threadpool_limits(1):
        section = run()
    sys.stdout.write(section + "\n")
    if wanted.write:
        write(section)


if __name__ == "__main__":
    main()
