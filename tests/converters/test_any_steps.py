"""Step functions and rotations score as PyOD does, whatever the table and the parameters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.loda import LODA
from tests.converters.tables import Matrix

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.rod import ROD

Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]
Build = Callable[[], Any]

NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))


@st.composite
def tables(draw: st.DrawFn, columns: int) -> Matrix:
    rows = draw(st.integers(12, 25))
    values = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
    return np.array(values).reshape(rows, columns)


def fitted(build: Build, X: Matrix) -> Any:
    with warnings.catch_warnings():
        # SciPy warns of the precision of nearly constant columns, PyOD of a median at the origin.
        warnings.simplefilter("ignore", RuntimeWarning)
        return build().fit(X)


@given(table=tables(columns=2), build=st.sampled_from([COPOD, ECOD]), extra=st.lists(NUMBERS, min_size=8, max_size=8))
@settings(max_examples=40, deadline=None)
def test_tails_equal_pyods_of_each_row_alone(
    run: Run, agree: Agree, table: Matrix, build: Build, extra: list[float]
) -> None:
    detector = fitted(build, table)
    rows = np.concatenate([table, np.array(extra).reshape(-1, 2)])
    outputs = run(to_onnx(detector), rows)
    agree(detector, outputs["score"], reference_scores(detector, rows))
    agree(detector, outputs["contributions"].sum(axis=1), outputs["score"])


@given(
    table=tables(columns=5),
    n_bins=st.one_of(st.integers(1, 12), st.just("auto")),
    cuts=st.integers(1, 6),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_projections_equal_pyods(
    run: Run, agree: Agree, table: Matrix, n_bins: int | str, cuts: int, seed: int
) -> None:
    detector = fitted(lambda: LODA(n_bins=n_bins, n_random_cuts=cuts, random_state=seed), table)
    rows = np.concatenate([table, table[::-1] * 1.5, table[:1] * 0.0])
    outputs = run(to_onnx(detector), rows)
    agree(detector, outputs["score"], reference_scores(detector, rows))
    agree(detector, outputs["contributions"].sum(axis=1), outputs["score"])


@given(table=tables(columns=4), columns=st.integers(2, 4), extra=st.lists(NUMBERS, min_size=8, max_size=8))
@settings(max_examples=12, deadline=None)
def test_rotations_equal_their_formula(run: Run, agree: Agree, table: Matrix, columns: int, extra: list[float]) -> None:
    table = np.ascontiguousarray(table[:, :columns])
    detector = fitted(ROD, table)
    rows = np.concatenate([table, np.resize(extra, (2, columns))])
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))
