"""Does a detector find as much served as in PyOD? ROC AUC and average precision of both, side by side.

    python -m tests.bench.accuracy                     prints the tables
    python -m tests.bench.accuracy --write             also writes them into docs/benchmarks.md
    python -m tests.bench.accuracy --write --extra torch   runs the detectors of an extra and keeps the other rows
    python -m tests.bench.accuracy ECOD KNN --data cardio --seeds 1

Every detector with its default parameters, on every labelled data set, over seeded splits of 70 % and 30 %. Where the
graph claims PyOD's scores (semantics `exact`, and `row` with PyOD called one row at a time), both metrics must be equal
to six digits: the exit code is 1 otherwise. Detectors whose proof has an exact reference in place of PyOD, or a wider
tolerance, and `frozen` ones show their difference.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from tests.bench import document
from tests.bench.subjects import (
    Scores,
    Table,
    Unfitted,
    chosen,
    columns_of,
    fitted,
    limits,
    missing,
    quiet,
    session,
    training_part,
)
from tests.bench.subjects import run as run_graph
from tests.converters.tables import DATA, real
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes no types

from pynomaly_inference.bundle import RELATIVE_TOLERANCE, Semantics
from pynomaly_inference.convert import declaration_of, declarations, to_onnx
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.scoring.prune import prune

MARKER = "accuracy"
SETS = tuple(sorted(path.stem for path in DATA.glob("*.npz")))
SEEDS = 5
TRAINING, HELD_OUT = 5_000, 2_000
"""Rows at most of each split."""
ALONE = 300
"""Held-out rows at most where PyOD is called one row at a time."""
EQUAL = 5e-7
"""Metrics that differ by less are equal to six digits."""
DIGITS = 9
"""Of the scores that are ranked: the last bits of scores that are one number must not rank rows."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The metrics of one split."""

    pyod: tuple[float, float]
    """ROC AUC, average precision."""
    onnx: tuple[float, float]
    equal: bool
    """Must they be equal?"""

    @property
    def apart(self) -> float:
        """The larger of both metrics' differences."""
        return max(abs(ours - theirs) for ours, theirs in zip(self.onnx, self.pyod, strict=True))


def compare(declaration: Declaration, table: Table, seed: int) -> Compared:
    """Fits on 70 % of the rows, and scores the others with PyOD and with the graph."""
    X, held_out, y, label = train_test_split(table.X, table.y, test_size=0.3, random_state=seed, stratify=table.y)
    training = training_part(declaration, Table(X, y), TRAINING)
    detector = fitted(declaration, training, seed)
    claims = declaration_of(detector)
    limit = ALONE if claims.semantics is Semantics.ROW else HELD_OUT
    rows = columns_of(declaration, held_out[:limit])
    with quiet():
        pyod = _pyod(detector, rows, alone=claims.semantics is Semantics.ROW)
        graph = session(prune(to_onnx(detector).SerializeToString(), ["score"]))
    onnx = np.concatenate([answer[0] for answer in run_graph(graph, ["score"], rows, claims.chunk(detector))])
    return Compared(_metrics(label[:limit], pyod), _metrics(label[:limit], onnx), _claims_equality(claims, detector))


def _pyod(detector: Any, rows: Scores, *, alone: bool) -> Scores:
    parts = [detector.decision_function(row[None]) for row in rows] if alone else [detector.decision_function(rows)]
    return np.asarray(np.concatenate(parts), np.float64)


def _claims_equality(claims: Declaration, detector: Any) -> bool:
    exact = claims.reference is None or not claims.reference.applies(detector)
    return claims.semantics is not Semantics.FROZEN and exact and claims.tolerance <= RELATIVE_TOLERANCE


def _metrics(label: np.ndarray[Any, Any], scores: Scores) -> tuple[float, float]:
    ranked = np.array([float(f"{score:.{DIGITS}g}") for score in np.nan_to_num(scores)])
    return float(roc_auc_score(label, ranked)), float(average_precision_score(label, ranked))


def row(name: str, data: str, semantics: Semantics, splits: Sequence[Compared]) -> str:
    """One line: the means over the splits."""
    cells = []
    for metric in range(2):
        theirs, ours = (np.mean([getattr(split, who)[metric] for split in splits]) for who in ("pyod", "onnx"))
        cells.append(f"{theirs:.6f} / {ours:.6f}")
    return document.line(data, name, semantics.value, *cells, _verdict(splits))


def _verdict(splits: Sequence[Compared]) -> str:
    apart = max(split.apart for split in splits)
    if apart < EQUAL:
        return "equal"
    return f"{'**not equal**' if _broken(splits) else 'up to'} {apart:.1g}"


def _broken(splits: Sequence[Compared]) -> bool:
    return any(split.equal and split.apart >= EQUAL for split in splits)


def measured(found: Sequence[Declaration], sets: Sequence[str], seeds: int) -> Iterator[tuple[document.Key, str, bool]]:
    """Each detector on each data set: key, line, and whether it broke its claim."""
    for data in sets:
        table = Table(*real(data))
        for declaration in found:
            begin = time.perf_counter()
            key = (data, declaration.name)
            try:
                splits = [compare(declaration, table, seed) for seed in range(seeds)]
            except Unfitted as error:
                yield key, document.line(*key, declaration.semantics.value, "", "", f"PyOD cannot fit: {error}"), False
                continue
            sys.stderr.write(f"{data}, {declaration.name}: {time.perf_counter() - begin:.0f} s\n")
            yield key, row(declaration.name, data, declaration.semantics, splits), _broken(splits)


def section(rows: document.Rows, seeds: int) -> str:
    """The whole section of the document; rows that were not measured now stay as they are."""
    wanted = [(data, declaration.name) for data in SETS for declaration in declarations()]
    return "\n".join(
        [
            "## As accurate as PyOD",
            "",
            f"`make bench-accuracy`: PyOD / ONNX, default parameters, means over {seeds} stratified splits of 70 % and",
            f"30 %, of them at most {TRAINING:,} rows to train on and {HELD_OUT:,} to score; {ALONE} where PyOD is",
            f"called one row at a time (`row`). {limits(TRAINING)}",
            "`exact` and `row` must be equal to six digits in every split. `up to` is the largest difference of a",
            "detector that is frozen, or whose proof names an exact reference where PyOD itself is inexact, as",
            "networks in single precision are. Of rows as they come, without scaling, the sigmoid that ends SO_GAAL",
            "and MO_GAAL saturates: in PyOD's single precision rows have the same score that ONNX tells apart.",
            "",
            *document.head(["data", "detector", "semantics", "ROC AUC", "average precision", "difference"]),
            *document.merged(wanted, rows, document.written(MARKER, 2), missing(SETS)),
        ]
    )


def main() -> int:
    """Prints the section, and writes it when asked to; 1 when a graph is not what it claims to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="detectors to measure; all that are installed")
    parser.add_argument("--extra", help="measure the detectors of this extra only")
    parser.add_argument("--data", nargs="+", choices=SETS, default=SETS, help="data sets")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="splits of each data set")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    wanted = parser.parse_args()
    if wanted.write and wanted.seeds != SEEDS:
        parser.error("the document's table has its own number of splits: leave out --seeds or --write")
    rows: dict[document.Key, str] = {}
    broken = []
    with threadpool_limits(1):
        for key, line, breaks in measured(chosen(wanted.names, wanted.extra), wanted.data, wanted.seeds):
            rows[key] = line
            if breaks:
                broken.append(" ".join(key))
    text = section(rows, wanted.seeds)
    sys.stdout.write(text + "\n")
    if wanted.write:
        document.write(MARKER, text)
    if broken:
        sys.stderr.write(f"Not as accurate as PyOD to six digits: {', '.join(broken)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
