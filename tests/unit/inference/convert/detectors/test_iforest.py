"""IForest: exact decisions, and contributions that a slow walk through scikit-learn's trees confirms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.iforest import IForest

from pynomaly_inference.convert import to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def average_path_length(samples: int) -> float:
    if samples <= 1:
        return 0.0
    return 1.0 if samples == 2 else 2.0 * (np.log(samples - 1.0) + np.euler_gamma) - 2.0 * (samples - 1.0) / samples


def expected_depth(tree: Any, node: int, depth: int) -> float:
    """The mean path length of the training rows below a node, recursively."""
    if tree.children_left[node] == -1:
        return depth + average_path_length(int(tree.n_node_samples[node]))
    children = (tree.children_left[node], tree.children_right[node])
    weights = [tree.n_node_samples[child] / tree.n_node_samples[node] for child in children]
    means = [expected_depth(tree, child, depth + 1) for child in children]
    return float(np.dot(weights, means))


def walked(detector: IForest, row: Matrix) -> tuple[Matrix, float]:
    """The contributions of one row, and the root's expectation, both as means over the trees."""
    rounded = row.astype(np.float32)
    taken, roots = np.zeros(len(row)), 0.0
    for estimator, features in zip(detector.estimators_, detector.estimators_features_, strict=True):
        tree, node, depth = estimator.tree_, 0, 0
        before = expected_depth(tree, node, depth)
        roots += before
        while tree.children_left[node] != -1:
            feature = features[tree.feature[node]]
            below = rounded[feature] <= tree.threshold[node]
            node, depth = (tree.children_left if below else tree.children_right)[node], depth + 1
            after = expected_depth(tree, node, depth)
            taken[feature] += before - after
            before = after
    return taken / len(detector.estimators_), roots / len(detector.estimators_)


@pytest.mark.parametrize("parameters", [{}, {"max_features": 0.5, "bootstrap": True}])
def test_contributions_are_what_each_split_takes_from_the_expected_depth(run: Run, parameters: dict[str, Any]) -> None:
    X = np.random.default_rng(0).standard_normal((200, 4))
    detector = IForest(n_estimators=10, random_state=0, **parameters).fit(X)
    rows = np.concatenate([X[:5], [[9.0, 0.0, 0.0, 0.0]]])
    outputs = run(to_onnx(detector), rows)
    for row, contributions, score in zip(rows, outputs["contributions"], outputs["score"], strict=True):
        expected, root = walked(detector, row)
        assert contributions == pytest.approx(expected, abs=1e-12)
        # The score is 2 ** (-path / c(samples)) + offset.
        path = -np.log2(score - detector.offset_) * average_path_length(200)
        assert contributions.sum() == pytest.approx(root - path, abs=1e-9)


def test_a_feature_far_away_contributes_most(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((300, 4))
    rows = np.zeros((4, 4)) + 8.0 * np.eye(4)
    contributions = run(to_onnx(IForest(random_state=0).fit(X)), rows)["contributions"]
    assert contributions.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_contributions_of_many_features_are_summed_in_parts(run: Run) -> None:
    """200 features leave room for one tree at a time, 100 for two."""
    X = np.random.default_rng(0).standard_normal((60, 200))
    for columns in (200, 100):
        detector = IForest(n_estimators=5, random_state=0).fit(X[:, :columns])
        contributions = run(to_onnx(detector), X[:2, :columns])["contributions"]
        for row, ours in zip(X[:2, :columns], contributions, strict=True):
            assert ours == pytest.approx(walked(detector, row)[0], abs=1e-12)


def test_inputs_are_rounded_to_float32_before_they_are_compared(run: Run, agree: Agree) -> None:
    """scikit-learn's trees do so: two doubles that are one float32 have one score, whatever lies between them."""
    X = np.random.default_rng(0).standard_normal((200, 2))
    detector = IForest(n_estimators=50, random_state=0).fit(X)
    splits = np.concatenate(
        [estimator.tree_.threshold[estimator.tree_.feature == 0] for estimator in detector.estimators_]
    )
    near = splits.astype(np.float32).astype(np.float64)
    rows = np.stack([np.concatenate([splits, near, np.nextafter(splits, np.inf)]), np.zeros(3 * len(splits))], axis=1)
    scores = run(to_onnx(detector), rows)["score"]
    agree(detector, scores, detector.decision_function(rows))
    # Without the rounding a split would be on the wrong side of some of these values.
    assert np.any((rows[:, 0] <= np.tile(splits, 3)) != (rows[:, 0].astype(np.float32) <= np.tile(splits, 3)))


def test_trees_of_one_row_score_as_scikit_learn_sets_them(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((20, 2))
    detector = IForest(n_estimators=3, max_samples=1, random_state=0).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))
