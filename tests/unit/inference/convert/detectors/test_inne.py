"""INNE: rows on the edge of a sphere, which PyOD's rounding puts inside or outside."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.inne import INNE

from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def on_an_edge(detector: INNE, rows: Matrix, relative: float) -> NDArray[np.bool_]:
    """[n]: is a row's squared distance to a center its sphere's squared radius, to a share of |row|^2?"""
    answers = np.zeros(len(rows), bool)
    for centers in detector._centroids:  # noqa: SLF001 - published nowhere else
        own = ((centers[:, None] - centers) ** 2).sum(axis=2)
        np.fill_diagonal(own, np.inf)
        distances = ((rows[:, None] - centers) ** 2).sum(axis=2)
        close = np.abs(distances - own.min(axis=1)) <= relative * (rows**2).sum(axis=1, keepdims=True)
        answers |= close.any(axis=1)
    return answers


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_only_rows_on_the_edge_of_a_sphere_differ_from_pyod(run: Run, agree: Agree, offset: float) -> None:
    X = np.random.default_rng(0).standard_normal((300, 4)) + offset
    detector = INNE(random_state=0).fit(X)
    rows = np.concatenate([X[:100], np.random.default_rng(1).standard_normal((300, 4)) * 1.5 + offset])
    edge = on_an_edge(detector, rows, 1e-13)
    assert edge.any()
    assert not edge.all()
    ours, theirs = run(to_onnx(detector), rows)["score"], detector.decision_function(rows)
    agree(detector, ours[~edge], theirs[~edge])
    # A few spheres of one set in 200 are decided otherwise.
    assert np.max(np.abs(ours - theirs)) < 0.05
    agree(detector, ours, reference_scores(detector, rows))


def test_pyod_contradicts_itself_about_rows_on_an_edge_and_the_graph_does_not(run: Run) -> None:
    """The row that gives a sphere its radius is on it: whether it is inside is the rounding of two products."""
    X = np.random.default_rng(0).standard_normal((80, 4)) + 1e6
    detector = INNE(random_state=0).fit(X)
    alone = np.concatenate([detector.decision_function(row[None]) for row in X])
    assert np.max(np.abs(alone - detector.decision_function(X))) > 1e-3
    model = to_onnx(detector)
    alone = np.concatenate([run(model, row[None])["score"] for row in X[:10]])
    assert np.array_equal(alone, run(model, X)["score"][:10])


def test_a_row_on_a_sphere_is_inside(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((40, 2)) + 50.0
    detector = INNE(n_estimators=1, max_samples=40, random_state=0).fit(X)
    # Every training row is a center: inside its own sphere at least, so none is isolated for want of a sphere.
    assert np.all(run(to_onnx(detector), X)["score"] < 1)
    assert run(to_onnx(detector), X + 1000.0)["score"].tolist() == [1.0] * len(X)


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_spheres_without_extent_cover_their_centers_alone(run: Run, agree: Agree, offset: float) -> None:
    """Among duplicates a product's rounding is not small beside a radius of 0: distances are by subtraction."""
    X = np.repeat(np.random.default_rng(0).standard_normal((20, 4)), 4, axis=0) + offset
    detector = INNE(n_estimators=5, max_samples=40, random_state=0).fit(X)
    model = to_onnx(detector)
    assert not any(node.op_type == "MatMul" for node in model.graph.node)
    rows = np.concatenate([X, X + 1e-9, X + 3.0])
    agree(detector, run(model, rows)["score"], reference_scores(detector, rows))


@pytest.mark.parametrize("factor", [-1e-16, -30.0, 1e4, -1e9])
def test_ratios_need_not_be_between_0_and_1(run: Run, factor: float) -> None:
    """They are but for rounding, and rounding next to a radius of 0 is any number."""
    X = np.random.default_rng(0).standard_normal((300, 4))
    detector = INNE(random_state=0).fit(X)
    detector._ratio *= factor  # noqa: SLF001 - published nowhere else
    rows = np.random.default_rng(1).standard_normal((300, 4)) * 1.5
    theirs = detector.decision_function(rows)
    assert run(to_onnx(detector), rows)["score"] == pytest.approx(theirs, rel=1e-10, abs=1e-12)


def test_it_keeps_training_rows_and_has_no_contributions() -> None:
    declaration = declaration_of("INNE")
    assert declaration.keeps_training_rows
    assert declaration.contributions is None


def test_scores_that_are_all_but_zero_keep_their_digits() -> None:
    X = np.tile(np.array([[0.7], [0.3], [0.9], [1.3], [0.3]]), (5, 1))
    detector = INNE(n_estimators=5, max_samples=8, random_state=0).fit(X)
    assert np.median(np.abs(detector.decision_scores_)) < 1e-15
    to_onnx(detector, training_rows=X)
