"""What the converter's tests share: real data, ONNX Runtime, and the design's tolerance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from pynomaly_inference.convert import declaration_of
from pynomaly_inference.scoring.rows import Rows

DATA = Path(__file__).parents[3] / "data"

Matrix = NDArray[np.float64]
Outputs = dict[str, NDArray[Any]]
Run = Callable[[onnx.ModelProto, "Matrix | Rows"], Outputs]
Agree = Callable[[Any, NDArray[np.float64], NDArray[np.float64]], None]


def _outputs(model: onnx.ModelProto, rows: Matrix | Rows) -> Outputs:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = rows.feed() if isinstance(rows, Rows) else {"X": rows}
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def _agree(detector: Any, ours: Matrix, theirs: Matrix) -> None:
    scale = float(np.median(np.abs(detector.decision_scores_)))
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    ours, theirs = ours[~same], theirs[~same]
    allowed = declaration_of(detector).tolerance * np.maximum(np.abs(theirs), scale if np.isfinite(scale) else 0.0)
    assert np.all(np.abs(ours - theirs) <= allowed), f"worst {np.max(np.abs(ours - theirs) / allowed)}"


@pytest.fixture(scope="session")
def run() -> Run:
    """Every output of a model for a matrix or rows, by name."""
    return _outputs


@pytest.fixture(scope="session")
def agree() -> Agree:
    """Asserts that scores of a fitted detector are equal to its declared tolerance, and infinities identical."""
    return _agree


@pytest.fixture(scope="session")
def dataset() -> Callable[[str], Matrix]:
    """A labelled data set's rows, shuffled."""

    def load(name: str) -> Matrix:
        rows = np.load(DATA / f"{name}.npz")["X"].astype(np.float64)
        return np.ascontiguousarray(rows[np.random.default_rng(0).permutation(len(rows))])

    return load
