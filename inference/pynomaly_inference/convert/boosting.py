"""XGBoost's boosted trees, in the single precision in which XGBoost itself computes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto

from pynomaly_inference.convert.forests import FittedTree, with_leaves
from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.trees import Tree, tree_ensemble


def boosted_probability(x: Expr, classifier: Any) -> Expr:
    """[n]: a fitted XGBClassifier's probability of class 1 for rows x [n, columns], both double.

    XGBoost rounds its input to float32 and adds the leaves in float32, tree by tree. ONNX Runtime's ensemble would add
    them in an order that depends on its threads, which moves a probability by 1e-5 of itself: so each tree is a target
    of its own, and a cumulative sum, which has an order, adds them. The logistic function is computed in double.
    """
    learner = json.loads(bytes(classifier.get_booster().save_raw("json")))["learner"]
    boosted = learner["gradient_booster"]["model"]["trees"]
    trees = [_base(learner["learner_model_param"]["base_score"]), *(_tree(tree) for tree in boosted)]
    targets = [replace(tree, target=target) for target, tree in enumerate(trees)]
    leaves = tree_ensemble(x.cast(TensorProto.FLOAT), targets, len(targets))
    margin = x.graph.op("CumSum", leaves, np.array(1)).column(len(targets) - 1).cast(TensorProto.DOUBLE)
    return x.graph.op("Div", 1.0, (-margin).exp() + 1.0)


def _base(base_score: str) -> Tree:
    """A tree of one leaf: the log odds of the probability, written as `[5E-1]`, that XGBoost starts from."""
    odds_against = np.float32(1.0) / np.float32(base_score.strip("[]")) - np.float32(1.0)
    # NumPy's float32 logarithm is not always the nearest float32; C's, which XGBoost calls, is.
    leaf = np.array([-np.log(np.float64(odds_against))], np.float32)
    nowhere = np.zeros(0, np.int64)
    return Tree(nowhere, np.zeros(0, np.float32), nowhere, nowhere, leaf)


def _tree(tree: Mapping[str, Any]) -> Tree:
    values = np.array(tree["split_conditions"], np.float32)
    lower, upper = np.array(tree["left_children"]), np.array(tree["right_children"])
    columns = np.array(tree["split_indices"])
    # XGBoost asks for x < t; for float32 that is x <= the next lower float32.
    thresholds = np.nextafter(values, np.float32(-np.inf))
    fitted = FittedTree(lower, upper, columns, thresholds, np.zeros(len(values), np.int64))
    return with_leaves(fitted, values[fitted.is_leaf])
