"""LODA: bins by their lower limits, and rows that lie on one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.loda import LODA

from pynomaly_inference.convert import reference_of, reference_scores, to_onnx
from pynomaly_inference.convert.preprocessing import Preprocessing

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]
Dataset = Callable[[str], Matrix]


def test_pyods_bin_of_a_row_on_a_limit_depends_on_how_many_rows_it_scores(
    run: Run, agree: Agree, dataset: Dataset
) -> None:
    """The least training projection is the first limit itself: one matrix product rounds it above, another does not."""
    X = dataset("satellite")[:300]
    detector = LODA(random_state=0).fit(X)
    together = detector.decision_function(X)
    alone = np.array([detector.decision_function(row[None])[0] for row in X])
    differ = np.abs(together - alone) > 1e-9 * together
    assert 0 < differ.sum() < 60
    assert np.abs(together - alone).max() > 1e-3 * np.median(together)
    # The graph says the same of a row whatever the batch, and what PyOD says where both its answers agree.
    model = to_onnx(detector)
    ours = run(model, X)["score"]
    assert np.array_equal(ours, np.concatenate([run(model, row[None])["score"] for row in X]))
    agree(detector, ours[~differ], together[~differ])
    agree(detector, ours, reference_scores(detector, X))


def test_the_training_minimum_is_of_the_lowest_bin(run: Run, agree: Agree, dataset: Dataset) -> None:
    X = dataset("satellite")[:300]
    detector = LODA(random_state=0).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_scores_)


@pytest.mark.parametrize("n_bins", [1, 3, 10, "auto"])
@pytest.mark.parametrize("columns", [1, 3])
def test_a_projection_of_one_feature_is_exact_on_every_limit(
    run: Run, agree: Agree, n_bins: int | str, columns: int
) -> None:
    X = np.random.default_rng(0).integers(0, 11, (200, columns)).astype(np.float64)
    detector = LODA(n_bins=n_bins, n_random_cuts=20, random_state=0).fit(X)
    assert (detector.projections_ != 0).sum(axis=1).max() == 1
    near = [X, np.nextafter(X, np.inf), np.nextafter(X, -np.inf)]
    # The values that a cut's limits come from, and their neighbours.
    for limits, projection in zip(detector.limits_, detector.projections_, strict=True):
        on = np.zeros((len(limits), columns))
        used = np.flatnonzero(projection)[0]
        on[:, used] = limits / projection[used]
        near += [on, np.nextafter(on, np.inf), np.nextafter(on, -np.inf)]
    rows = np.concatenate(near)
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))
    assert reference_of(detector, Preprocessing.none([f"x{j}" for j in range(columns)])).words == (
        "PyOD's decision_function"
    )


def test_contributions_are_equal_parts_of_each_cuts_term_and_sum_to_the_score(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((300, 5))
    detector = LODA(n_random_cuts=8, random_state=0).fit(X)
    row = np.array([[0.3, -2.0, 0.1, 5.0, 1.0]])
    expected = np.zeros(5)
    for projection, limits, shares in zip(detector.projections_, detector.limits_, detector.histograms_, strict=True):
        term = -np.log(shares[(limits[:9] < row[0] @ projection).sum()]) / 8 / 8
        assert (projection != 0).sum() == 2
        expected[projection != 0] += term / 2
    outputs = run(to_onnx(detector), row)
    assert outputs["contributions"][0] == pytest.approx(expected, rel=1e-12)
    assert outputs["score"] == pytest.approx(detector.decision_function(row), rel=1e-12)
    assert outputs["contributions"].sum() == pytest.approx(outputs["score"][0], rel=1e-12)
