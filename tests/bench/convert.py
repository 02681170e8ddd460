"""PyOD against its ONNX graphs: CPU time of one scoring call, one thread each.

    python -m tests.bench.convert                      prints the table
    python -m tests.bench.convert --write              also writes it into docs/benchmarks.md
    python -m tests.bench.convert --write --extra torch    measures the detectors of an extra and keeps the other rows
    python -m tests.bench.convert ECOD KNN             measures these alone

Every detector with its default parameters. Each cell is the median of interleaved rounds on the same rows. A graph is
asked for score, label and probability, in chunks as the server does. Ratios above 1 mean that the graph is faster.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from tests.bench import document
from tests.bench.subjects import (
    Table,
    chosen,
    fitted,
    limits,
    missing,
    quiet,
    run,
    session,
    training_part,
)
from tests.converters.tables import real
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes no types

from pynomaly_inference.convert import declaration_of, declarations, to_onnx
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.scoring.model import OUTPUTS
from pynomaly_inference.scoring.prune import prune

MARKER = "convert"
DATA = ("cardio", "shuttle")
MOST_TRAINING = 50_000
SIZES = (1, 64, 1_000, 10_000)
SECONDS = 1.0
"""For one cell; at least `LEAST` rounds, at most `MOST`, and one where a round takes longer than `SLOW` seconds."""
LEAST, MOST, SLOW = 5, 200, 4.0

NOTES = (
    "KNN's and LOF's graphs compare each row with every training row. PyOD searches a k-d tree up to 15 features,",
    "which wins with few features, many training rows and large batches: on normal rows of 4 features, at 1,000",
    "rows a call, KNN's graph runs at 0.7 times PyOD's speed with 10,000 training rows and at 0.3 times with",
    "50,000, LOF's at 0.6 and 0.3; one row at a time both are faster than PyOD, and with 10 features at every size",
    "measured, up to 1,000. Above 15 features PyOD multiplies matrices as the graph does: with 400 training rows of",
    "30 features LOF's graph runs at 0.8 and 0.7 times its speed at 1,000 and 10,000 rows, FeatureBagging's too, and",
    "HDBSCAN's at 0.9 and 0.7 times. Of training rows that are equally far the first are neighbours. A product of",
    "matrices ranks them too, but a run with a row that has more of them than candidates searches again: with 2,000",
    "training rows of whole numbers, scaled or not, LOF's graph runs at 0.8 times and HDBSCAN's at 0.8 to 0.9 times",
    "PyOD's speed at 1,000 rows of 30 features, both at 0.6 times of 4 features, not scaled.",
    "So it is on cardio, whose columns are whole numbers, scaled: nearly half of LOF's time there is `TopK`.",
    "Where almost every row of few features has such ties, all pairs are subtracted and searched twice: at 1,000 rows",
    "LOF runs at 0.3 times, HDBSCAN at 0.25 times PyOD's speed; one row at a time both are faster.",
    "KNN by `canberra` runs at 0.6 times and by `chebyshev` at 0.7 times PyOD's speed with 2,000 training rows of",
    "10 features, at 1,000 rows. KNN by `chebyshev` and `manhattan` selects candidates in single precision, which",
    "takes half the time of a pass, and compares all in double where one row of a run cannot be verified. A product",
    "of matrices does not: among shuttle's 34,367 training rows 93 % of single rows can be verified for KNN, 81 %",
    "for LOF, but 5 % and none of the runs of 32 rows; among cardio's all can, but it would save 0.6 of the 4 ns that",
    "KNN takes a pair of rows, and of LOF's 12: the search for the least is as slow in single precision.",
    "At 10,000 rows, CBLOF's with `use_weights` runs at 0.5 to 0.7 times PyOD's speed and Sampling's by `manhattan`",
    "at 0.3 to 0.5 times. QMCD's loops are compiled in PyOD, at 0.5 ns a training row and feature, what one",
    "operator of the six that a graph needs takes: on 1,000 training rows of 10 features its graph runs at 0.5 times",
    "that speed at 64 rows, at 0.2 to 0.3 times from 1,000 on.",
    "Graphs of networks compute in double precision, PyOD in single: MO_GAAL's and SO_GAAL's run at 0.6 to 0.9 times",
    "PyOD's speed at 10,000 rows, LUNAR's at 0.8 to 0.9 times from 1,000 on. FeatureBagging of shuttle's 9 columns,",
    "whose bases keep fewer, runs at 0.7 to 0.8 times there. A forest's graph walks the same trees as scikit-learn: at",
    "10,000 rows, little but the overhead of a call is left to save.",
)

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """One detector on one data set. Milliseconds: `calls` of PyOD and of the graph, by rows a call."""

    calls: dict[int, tuple[float, float]]
    conversion: float
    session: float
    kibibytes: int


def measure(detector: Any, X: np.ndarray[Any, Any], sizes: Sequence[int]) -> Measured:
    """Converts a fitted detector, and times calls of every size."""
    begin = time.perf_counter()
    model = to_onnx(detector)
    converted = time.perf_counter()
    content = model.SerializeToString()
    serialised = time.perf_counter()
    graph = session(prune(content, OUTPUTS))
    loaded = time.perf_counter()
    chunk = declaration_of(detector).chunk(detector)
    calls = {}
    random = np.random.default_rng(0)
    for size in sizes:
        # Drawn, not repeated in order: a processor learns the branches of repeated rows.
        batch = X[random.integers(0, len(X), size)]
        calls[size] = _interleaved(
            partial(detector.decision_function, batch), partial(run, graph, OUTPUTS, batch, chunk)
        )
    return Measured(calls, (converted - begin) * 1e3, (loaded - serialised) * 1e3, len(content) >> 10)


def _interleaved(*calls: Call) -> tuple[float, float]:
    """The median CPU milliseconds of each of two calls, taken in turns: what else runs on the machine counts less.

    NaN for a call that PyOD refuses.
    """
    first = [_milliseconds(call) for call in calls]
    least = 1 if sum(first) > SLOW * 1e3 or not np.isfinite(first).all() else LEAST
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + SECONDS
    while len(times[0]) < least or (least > 1 and time.perf_counter() < end and len(times[0]) < MOST):
        for call, taken in zip(calls, times, strict=True):
            taken.append(_milliseconds(call))
    return statistics.median(times[0]), statistics.median(times[1])


def _milliseconds(call: Call) -> float:
    begin = time.process_time()
    try:
        call()
    except ValueError:
        # PyOD's AE1SVM and DevNet normalise a batch, and raise for one of a single row.
        return float("nan")
    return (time.process_time() - begin) * 1e3


def row(data: str, name: str, measured: Measured) -> str:
    """One line of the table."""
    cells = [_cell(pyod, onnx) for pyod, onnx in measured.calls.values()]
    costs = (f"{measured.conversion:.0f} ms", f"{measured.session:.0f} ms", f"{measured.kibibytes:,} KiB")
    return document.line(data, name, *cells, *costs)


def _cell(pyod: float, onnx: float) -> str:
    if not np.isfinite(pyod):
        return f"raises / {onnx:.3g}"
    ratio = pyod / onnx
    return (
        f"{pyod:.3g} / {onnx:.3g} = **{ratio:.0f}x**" if ratio >= 10 else f"{pyod:.3g} / {onnx:.3g} = **{ratio:.1f}x**"
    )


def tables(data: str) -> tuple[Table, Table]:
    """Training and held-out rows, without the columns that are constant: PyOD's PCA scores infinity with them."""
    X, y = real(data)
    training, rows, label, others = train_test_split(X, y, test_size=0.3, random_state=0)
    varying = np.ptp(training, axis=0) > 0
    return Table(training[:, varying], label), Table(rows[:, varying], others)


def measured_rows(found: Sequence[Declaration], sizes: Sequence[int]) -> Iterator[tuple[document.Key, str]]:
    """Each detector on each data set, as it is measured."""
    for data in DATA:
        training, rows = tables(data)
        for declaration in found:
            part = training_part(declaration, training, MOST_TRAINING)
            begin = time.perf_counter()
            detector = fitted(declaration, part, seed=0)
            with quiet():
                measured = measure(detector, np.ascontiguousarray(rows.X[:, : part.X.shape[1]]), sizes)
            sys.stderr.write(f"{data}, {declaration.name}: {time.perf_counter() - begin:.0f} s\n")
            yield (data, declaration.name), row(data, declaration.name, measured)


def section(measured: document.Rows, sizes: Sequence[int]) -> str:
    """The whole section of the document; rows that were not measured now stay as they are."""
    wanted = [(data, declaration.name) for data in DATA for declaration in declarations()]
    described = [f"{data}: {len(training):,} training rows x {training.X.shape[1]}" for data, training in _trainings()]
    versions = ", ".join(f"{name} {version(name)}" for name in ("pyod", "scikit-learn", "onnxruntime"))
    return "\n".join(
        [
            "## PyOD against its ONNX graphs",
            "",
            "`make bench-convert`: CPU milliseconds of one call, PyOD / ONNX = ratio, medians of interleaved rounds,",
            "one thread each, default parameters; the graph computes score, label and probability in server chunks.",
            "",
            f"{'; '.join(described)}. {limits(MOST_TRAINING)}",
            f"{versions}, Python {platform.python_version()}, {_processor()}.",
            "",
            *document.head(["data", "detector", *(f"{size:,} rows" for size in sizes), "convert", "load", "file"]),
            *document.merged(wanted, measured, document.written(MARKER, 2), missing(DATA)),
            "",
            *NOTES,
        ]
    )


def _trainings() -> Iterator[tuple[str, Table]]:
    for data in DATA:
        yield data, tables(data)[0]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Prints the section, and writes it when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="detectors to measure; all that are installed")
    parser.add_argument("--extra", help="measure the detectors of this extra only")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows a call")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    wanted = parser.parse_args()
    if wanted.write and tuple(wanted.sizes) != SIZES:
        parser.error("the document's table has its own sizes: leave out --sizes or --write")
    with threadpool_limits(1):
        text = section(dict(measured_rows(chosen(wanted.names, wanted.extra), wanted.sizes)), wanted.sizes)
    sys.stdout.write(text + "\n")
    if wanted.write:
        document.write(MARKER, text)


if __name__ == "__main__":
    main()
