"""What the benchmarks run: every detector that is declared, with PyOD's defaults, and its graph."""

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pynomaly_inference.convert import declarations
from pynomaly_inference.convert.build import Setting, build
from pynomaly_inference.convert.declaration import Declaration

CONTAMINATION = 0.1
REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "Ensemble": {"bases": [{"name": "HBOS"}, {"name": "IForest"}, {"name": "KNN"}]},
}
"""Parameters that have no default."""
FEW_COLUMNS = {"ROD": 6}
"""Leading columns only: ROD fits every three columns by themselves."""
FEW_ROWS = {
    "ABOD": 2_000,
    "AE1SVM": 1_200,
    "ALAD": 1_000,
    "AnoGAN": 300,
    "AutoEncoder": 2_000,
    "DeepSVDD": 2_000,
    "DevNet": 1_200,
    "FeatureBagging": 5_000,
    "HDBSCAN": 5_000,
    "KDE": 2_000,
    "KPCA": 1_000,
    "LUNAR": 2_000,
    "MO_GAAL": 1_000,
    "OCSVM": 5_000,
    "QMCD": 1_000,
    "ROD": 1_000,
    "SO_GAAL": 1_000,
    "SUOD": 1_000,
    "VAE": 2_000,
    "XGBOD": 500,
}
"""Training rows at most, where PyOD takes long to fit or to score.

AE1SVM and DevNet cannot be fitted when the last batch, of 32, has one row: 1,200 rows leave none such.
"""

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled rows: X [n, columns], y [n], 1 for an anomaly."""

    X: Matrix
    y: Labels

    def __len__(self) -> int:
        return len(self.X)


def chosen(names: Sequence[str], extra: str | None) -> list[Declaration]:
    """What to run here: of these names or all, of this extra or all; never what needs an extra that is missing."""
    return [
        declaration
        for declaration in declarations()
        if (not names or declaration.name in names) and extra in (None, declaration.extra) and installed(declaration)
    ]


def installed(declaration: Declaration) -> bool:
    """Is what the detector imports installed here?"""
    try:
        with quiet():
            declaration.detector_class()
    except ImportError:
        return False
    return True


def missing(sets: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Why a detector is not in the tables, by data set and name."""
    return {
        (data, one.name): "not measured yet" if installed(one) else f"needs extra {one.extra}"
        for data in sets
        for one in declarations()
    }


def limits(most: int) -> str:
    """In words, which detectors see less than the others' `most` rows and all columns."""
    rows = ", ".join(f"{name} {few:,}" for name, few in FEW_ROWS.items() if few < most)
    columns = ", ".join(f"{name} of the first {few} columns" for name, few in FEW_COLUMNS.items())
    one = ", ".join(declaration.name for declaration in declarations() if declaration.only_columns == 1)
    return f"At most so many training rows where PyOD is slow: {rows}; {columns}, {one} of the first."


def training_part(declaration: Declaration, table: Table, most: int) -> Table:
    """The leading rows and columns that the detector is fitted on."""
    rows = min(most, FEW_ROWS.get(declaration.name, most))
    return Table(columns_of(declaration, table.X)[:rows], table.y[:rows])


def columns_of(declaration: Declaration, X: Matrix) -> Matrix:
    """The leading columns that the detector takes."""
    return np.ascontiguousarray(X[:, : declaration.only_columns or FEW_COLUMNS.get(declaration.name)])


class Unfitted(Exception):
    """PyOD's own `fit` refuses these rows; the message is PyOD's."""


def fitted(declaration: Declaration, training: Table, seed: int) -> Any:
    """The detector with its defaults, fitted; on the labels too where it reads them. Raises Unfitted."""
    parameters = dict(REQUIRED.get(declaration.name, {}))
    detector = build(declaration.name, parameters, Setting(CONTAMINATION, seed, training.X.shape[1]))
    np.random.seed(seed)  # noqa: NPY002 - the generator that PyOD's detectors draw from
    if torch := sys.modules.get("torch"):  # there when the detector is a network
        torch.manual_seed(seed)
    try:
        with quiet():
            return detector.fit(training.X, training.y) if declaration.reads_label else detector.fit(training.X)
    except ValueError as error:
        raise Unfitted(str(error)) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without PyOD's warnings, of precision and of labels, and what its networks print: they hide the table."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield


def session(content: bytes) -> ort.InferenceSession:
    """A session of one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(graph: ort.InferenceSession, outputs: Sequence[str], X: Matrix, chunk: int | None) -> list[Any]:
    """The outputs for each chunk of rows, as the server cuts them."""
    step = chunk or len(X)
    return [graph.run(outputs, {"X": X[start : start + step]}) for start in range(0, len(X), step)]
