"""A graph adds XGBoost's leaves in XGBoost's order and precision, on any number of threads."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from xgboost import XGBClassifier

from pynomaly_inference.convert.boosting import boosted_probability
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.trees import Tree, tree_ensemble

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((400, 3)).round(1)
Y = (RANDOM.random(400) < 0.05 + 0.4 * (X[:, 0] > 1)).astype(int)


def scores(graph: Graph, threads: int, rows: NDArray[np.float64]) -> NDArray[Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    model = graph.model("test").SerializeToString()
    answer: NDArray[Any] = ort.InferenceSession(model, options).run(["score"], {"X": rows})[0]
    return answer


def graph_of(classifier: XGBClassifier) -> Graph:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", 3])
    graph.output("score", boosted_probability(x, classifier), TensorProto.DOUBLE, ["n"])
    return graph


@pytest.mark.parametrize("base_score", [0.01, 0.3, 0.5, 0.913])
@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_xgboosts_probability_to_its_own_rounding(base_score: float, threads: int) -> None:
    """Rounded values fall on the thresholds, where XGBoost goes to the right and scikit-learn to the left."""
    classifier = XGBClassifier(n_estimators=300, max_depth=4, base_score=base_score, n_jobs=1).fit(X, Y)
    theirs = classifier.predict_proba(X)[:, 1].astype(np.float64)
    np.testing.assert_allclose(scores(graph_of(classifier), threads, X), theirs, rtol=2.5e-7)


def test_trees_that_never_split_score_their_leaf() -> None:
    classifier = XGBClassifier(n_estimators=3, gamma=1e6, n_jobs=1).fit(X, Y)
    theirs = classifier.predict_proba(X)[:, 1].astype(np.float64)
    np.testing.assert_allclose(scores(graph_of(classifier), 1, X), theirs, rtol=2.5e-7)


def test_one_ensemble_of_float32_would_depend_on_the_threads() -> None:
    """Why each tree is a target of its own: ONNX Runtime adds the trees of one target in parts, one a thread."""
    nowhere, none = np.zeros(0, np.int64), np.zeros(0, np.float32)
    leaves = RANDOM.standard_normal((200, 1)).astype(np.float32)
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", 3]).cast(TensorProto.FLOAT)
    trees = [Tree(nowhere, none, nowhere, nowhere, leaf) for leaf in leaves]
    graph.output("score", tree_ensemble(x, trees), TensorProto.FLOAT, ["n", 1])
    one, two = scores(graph, 1, X[:100]), scores(graph, 2, X[:100])
    assert one[0, 0] == np.add.accumulate(leaves[:, 0])[-1]
    assert two[0, 0] != one[0, 0]
