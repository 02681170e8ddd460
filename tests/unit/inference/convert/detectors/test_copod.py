"""COPOD: each row as PyOD scores it alone, by the sign of the skewness with it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models import copod
from pyod.models.copod import COPOD

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def one_by_one(detector: COPOD, rows: Matrix) -> Matrix:
    return np.array([detector.decision_function(row[None])[0] for row in rows])


def test_a_row_far_enough_out_turns_the_skewness_and_with_it_the_tail(run: Run, agree: Agree) -> None:
    """The third moment with x is a cubic in x: here of three roots, so the sign changes three times."""
    X = np.concatenate([np.linspace(-1, 1, 60), [1.2]])[:, None]
    detector = COPOD().fit(X)
    rows = np.linspace(-4, 4, 201)[:, None]
    alone = one_by_one(detector, rows)
    signs = []
    for row in rows:
        both = np.append(X, row)
        signs.append(np.sign(((both - both.mean()) ** 3).mean()))
    assert np.count_nonzero(np.diff(signs)) == 3
    agree(detector, run(to_onnx(detector), rows)["score"], alone)


def test_the_score_is_one_step_function_a_column() -> None:
    model = to_onnx(COPOD().fit(np.random.default_rng(0).standard_normal((100, 3))))
    nodes = {output: node for node in model.graph.node for output in node.output}
    reshaped = nodes[next(node for node in model.graph.node if "score" in node.output).input[0]]
    ensemble = nodes[reshaped.input[0]]
    assert (reshaped.op_type, ensemble.op_type) == ("Reshape", "TreeEnsemble")
    assert list(ensemble.input) == ["X"]


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("columns", [1, 3])
def test_where_the_skewness_is_zero_both_tails_count(run: Run, agree: Agree, columns: int, layout: Any) -> None:
    column = np.tile([-3.0, -1.0, 0.0, 1.0, 3.0], 7)
    detector = COPOD().fit(np.array(np.repeat(column[:, None], columns, axis=1), order=layout))
    rows = np.repeat(np.array([[0.0], [1.0], [-1.0], [0.5], [-0.5], [3.0], [70.0]]), columns, axis=1)
    alone = one_by_one(detector, rows)
    assert alone[0] == pytest.approx(-2 * columns * np.log(22 / 36))
    agree(detector, run(to_onnx(detector), rows)["score"], alone)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("columns", [1, 3])
def test_where_rounding_decides_on_the_skewness_it_is_pyods_rounding(
    run: Run, agree: Agree, columns: int, layout: Any
) -> None:
    """Sums of a column alone, of a column beside others, and of contiguous columns round differently."""
    column = np.tile([-0.3, -0.1, 0.0, 0.1, 0.3], 7)
    detector = COPOD().fit(np.array(np.repeat(column[:, None], columns, axis=1), order=layout))
    rows = np.repeat(np.unique(column)[:, None], columns, axis=1)
    agree(detector, run(to_onnx(detector), rows)["score"], one_by_one(detector, rows))


@pytest.mark.parametrize("rows", [50, 300])
@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")  # SciPy's, of the constant column
def test_beside_a_constant_pyods_rounding_is_the_skewness(run: Run, agree: Agree, rows: int) -> None:
    """The mean of many equal numbers is not that number: PyOD's sign there is that of the mean's rounding."""
    X = np.concatenate([np.random.default_rng(0).standard_normal((rows, 1)), np.full((rows, 1), 0.1)], axis=1)
    detector = COPOD().fit(X)
    offsets = np.concatenate([[0.0], 10.0 ** np.arange(-16, 0)])
    x = 0.1 + np.concatenate([-offsets, offsets])
    beside = np.stack([np.zeros(len(x)), x], axis=1)
    agree(detector, run(to_onnx(detector), beside)["score"], one_by_one(detector, beside))


def test_contributions_are_the_terms_and_sum_to_the_score(run: Run) -> None:
    X = np.random.default_rng(0).exponential(size=(99, 2))
    outputs = run(to_onnx(COPOD().fit(X)), np.array([[0.5, 50.0]]))
    # Exponential values are skewed to the right: the right tail counts, or the mean of both.
    left, right = -np.log(((X[:, 0] <= 0.5).sum() + 1) / 100), -np.log(((X[:, 0] >= 0.5).sum() + 1) / 100)
    assert outputs["contributions"][0, 0] == pytest.approx(max(right, (left + right) / 2))
    assert outputs["contributions"][0, 1] == pytest.approx(np.log(100.0))
    assert outputs["score"] == pytest.approx(outputs["contributions"].sum(axis=1), rel=1e-14)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # PyOD overflows while fitting
def test_a_column_whose_skewness_overflows_is_refused() -> None:
    X = np.random.default_rng(0).standard_normal((50, 1)) * 1e150
    with pytest.raises(NotConvertible, match="which doubles cannot hold: scale it"):
        to_onnx(COPOD().fit(X))


def test_processes_change_no_score_and_the_reference_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = COPOD().fit(np.random.default_rng(0).standard_normal((50, 3)))
    scores = reference_scores(detector, np.ones((1, 3)))
    detector.set_params(n_jobs=2)

    def started(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("processes")

    monkeypatch.setattr(copod, "Parallel", started)
    assert reference_scores(detector, np.ones((1, 3))) == scores
    assert to_onnx(detector).graph.output[0].name == "score"
    assert detector.n_jobs == 2
