"""HBOS: bins and their tolerance to the last double."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.hbos import HBOS

from pynomaly_inference.convert import to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


@pytest.mark.parametrize("n_bins", [10, "auto"])
@pytest.mark.parametrize(
    ("least", "greatest"), [(-3.0, 3.0), (1e6, 1e6 + 5), (-1.0, -0.05), (0.05, 1.0), (-1e-7, 2e-7)]
)
def test_every_edge_and_the_ends_of_the_tolerance_are_pyods(
    run: Run, agree: Agree, n_bins: int | str, least: float, greatest: float
) -> None:
    """Near zero several doubles have one rounded distance to an edge beyond it."""
    X = np.random.default_rng(0).beta(2, 2, (300, 1)) * (greatest - least) + least
    detector = HBOS(n_bins=n_bins, tol=0.97).fit(X)
    edges = np.asarray(detector.bin_edges_[0] if n_bins == "auto" else detector.bin_edges_[:, 0])
    low, high = edges[0] - 0.97 * (edges[1] - edges[0]), edges[-1] + 0.97 * (edges[-1] - edges[-2])
    values = np.concatenate([edges, [low, high]])
    near = [values]
    for direction in (-np.inf, np.inf):
        near.append(values)
        for _ in range(4):
            near.append(np.nextafter(near[-1], direction))
    rows = np.concatenate(near)[:, None]
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_tolerance_that_ends_at_zero_is_pyods(run: Run, agree: Agree, sign: float) -> None:
    """Then all doubles below 1e-17 have one rounded distance to the edge."""
    X = sign * np.linspace(0.5, 10.5, 101)[:, None]
    detector = HBOS(n_bins=10, tol=0.5).fit(X)
    assert detector.bin_edges_[[0, -1], 0].tolist() in ([0.5, 10.5], [-10.5, -0.5])
    rows = np.array([0.0, 5e-324, 1e-300, 1e-18, 5e-17, 1e-16, 1e-15])
    rows = np.concatenate([rows, -rows])[:, None]
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))


def test_contributions_are_the_terms_of_the_score(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((300, 3))
    detector = HBOS().fit(X)
    rows = np.concatenate([X[:20], X[:5] + 50.0])
    outputs = run(to_onnx(detector), rows)
    assert outputs["contributions"].sum(axis=1) == pytest.approx(detector.decision_function(rows), rel=1e-12)
    # One feature alone is HBOS of that column.
    for column in range(3):
        alone = HBOS().fit(X[:, [column]]).decision_function(rows[:, [column]])
        assert outputs["contributions"][:, column] == pytest.approx(alone, rel=1e-12)
