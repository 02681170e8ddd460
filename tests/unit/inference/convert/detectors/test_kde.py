"""KDE: sums over all training rows, where PyOD's tree subtracts bounds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.kde import KDE

from pynomaly_inference.convert import declaration_of, reference_scores, to_onnx
from pynomaly_inference.errors import NotConvertible

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]

ONE_LEAF = 1000


def normal(seed: int = 0, columns: int = 3) -> Matrix:
    return np.random.default_rng(seed).standard_normal((200, columns))


def of_kernel(kernel: str, **parameters: Any) -> KDE:
    detector = KDE(**parameters)
    detector.kde_.set_params(kernel=kernel)
    return detector


def test_pyods_tree_is_off_by_what_its_bounds_are_larger_than_the_sum_and_the_graph_is_not(
    run: Run, agree: Agree
) -> None:
    """The bound on a node's sum is subtracted when its children are visited: digits below the bound's are lost.

    A tree of one leaf has no such nodes: there PyOD agrees with the graph.
    """
    X = normal()
    rows = normal(1) * 20
    tree, leaf = KDE().fit(X), KDE(leaf_size=ONE_LEAF).fit(X)
    off = np.abs(tree.decision_function(rows) / leaf.decision_function(rows) - 1)
    assert off.max() > 1e-3
    ours = run(to_onnx(tree), rows)["score"]
    agree(leaf, ours, leaf.decision_function(rows))
    agree(tree, reference_scores(tree, rows), leaf.decision_function(rows))


@pytest.mark.parametrize("kernel", ["gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_every_kernel_of_scikit_learn_scores_as_a_tree_of_one_leaf(
    run: Run, agree: Agree, kernel: str, columns: int
) -> None:
    X = normal(columns=columns)
    detector = of_kernel(kernel, bandwidth=3.0, leaf_size=ONE_LEAF).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


def test_where_every_kernel_is_zero_the_score_is_infinite_as_pyods(run: Run) -> None:
    detector = of_kernel("tophat").fit(normal())
    far = np.full((1, 3), 50.0)
    assert detector.decision_function(far).tolist() == [np.inf]
    assert run(to_onnx(detector), far)["score"].tolist() == [np.inf]


def test_a_tophat_ends_below_its_bandwidth(run: Run, agree: Agree) -> None:
    X = np.arange(20.0)[:, None]
    detector = of_kernel("tophat", bandwidth=2.0, leaf_size=ONE_LEAF).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


@pytest.mark.parametrize("metric", declaration_of("KDE").parameters["metric"]["enum"])
def test_every_metric_declared_scores_as_a_tree_of_one_leaf(run: Run, agree: Agree, metric: str) -> None:
    X = np.random.default_rng(0).integers(0, 3, (60, 4)).astype(np.float64)
    detector = KDE(metric=metric, leaf_size=ONE_LEAF).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))


@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_minkowskis_power_is_a_parameter_of_the_metric(run: Run, agree: Agree, p: float) -> None:
    detector = KDE(metric_params={"p": p}, leaf_size=ONE_LEAF).fit(normal())
    agree(detector, run(to_onnx(detector), normal(1))["score"], detector.decision_function(normal(1)))


@pytest.mark.parametrize("bandwidth", ["scott", "silverman", 0.25])
def test_a_rule_finds_the_bandwidth(run: Run, agree: Agree, bandwidth: str | float) -> None:
    detector = KDE(bandwidth=bandwidth, leaf_size=ONE_LEAF).fit(normal())
    agree(detector, run(to_onnx(detector), normal(1))["score"], detector.decision_function(normal(1)))


def test_any_other_metric_is_refused_by_name() -> None:
    detector = KDE(metric="haversine").fit(normal(columns=2))
    with pytest.raises(
        NotConvertible, match="parameter `metric` of KDE: `haversine` is refused, ONNX Runtime has no arc sine"
    ):
        to_onnx(detector)
