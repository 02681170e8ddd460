"""Every detector class of the installed PyOD is either converted or refused with its reason."""

import ast
import pkgutil
from pathlib import Path

import numpy as np
import pyod.models
import pytest
from pyod.models.cof import COF
from pyod.models.knn import KNN
from pyod.models.sos import SOS

from pynomaly_inference.convert import declaration_of, declarations, to_onnx
from pynomaly_inference.convert.refused import REFUSED
from pynomaly_inference.errors import NotConvertible

X = np.random.default_rng(0).standard_normal((40, 3))
NO_DETECTORS = {"pyod.models.base.BaseDetector", "pyod.models.base_dl.BaseDeepLearningDetector"}
"""What detectors inherit from."""


def classes_of_pyod() -> set[str]:
    """By path: the classes that inherit from BaseDetector, read without importing the libraries that they need."""
    bases: dict[str, set[str]] = {}
    for module in pkgutil.iter_modules(pyod.models.__path__):
        source = Path(pyod.models.__path__[0], f"{module.name}.py").read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                inherited = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                bases[f"pyod.models.{module.name}.{node.name}"] = inherited
    detectors = {"pyod.models.base.BaseDetector"}
    while more := {path for path, inherited in bases.items() if inherited & names(detectors)} - detectors:
        detectors |= more
    return detectors - NO_DETECTORS


def names(paths: set[str]) -> set[str]:
    return {path.rpartition(".")[2] for path in paths}


def test_every_detector_class_of_pyod_is_converted_or_refused() -> None:
    converted = {one.path for one in declarations() if one.path.startswith("pyod.")}
    refused = {one.path for one in REFUSED}
    assert not converted & refused
    assert converted | refused == classes_of_pyod()


def test_a_refused_detector_is_told_the_reason() -> None:
    with pytest.raises(NotConvertible, match="`COF` cannot be converted: it keeps nothing of the training rows"):
        to_onnx(COF())
    with pytest.raises(NotConvertible, match="`SOS` cannot be converted: it keeps nothing of the training rows"):
        declaration_of("SOS")


def test_what_scores_by_the_batch_scores_a_row_differently_among_other_rows() -> None:
    """The reason of COF, SOD, LOCI, LMDD and SOS, shown of one."""
    detector = SOS().fit(X)
    assert not np.allclose(detector.decision_function(X[:20])[:10], detector.decision_function(X[:10]))


@pytest.mark.parametrize("metric", ["precomputed", lambda left, right: float(np.abs(left - right).sum())])
def test_a_metric_that_no_graph_has_is_refused_by_name(metric: object) -> None:
    rows = np.abs(X[:, None] - X[None]).sum(axis=2) if metric == "precomputed" else X
    reason = "a matrix of distances is no row" if metric == "precomputed" else "a graph has no Python"
    with pytest.raises(NotConvertible, match=f"parameter `metric` of KNN is .*, and {reason}: "):
        to_onnx(KNN(metric=metric, algorithm="auto").fit(rows))
