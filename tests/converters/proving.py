"""Fits a build and proves its graph, by the product's own comparison or by the test's."""

import warnings
from typing import Any

import numpy as np
import pytest
from tests.converters.build import Build
from tests.converters.tables import Labels, Matrix, awkward, real

from pynomaly_inference.convert import graph_of, reference_of
from pynomaly_inference.convert.cases import cases
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.convert.verify import verify
from pynomaly_inference.scoring.rows import Rows


def fitted(build: Build, X: Matrix, y: Labels) -> Any:
    """The build's detector, fitted; on the labels too where it reads them."""
    with warnings.catch_warnings():
        # Constant columns make PyOD divide by zero and SciPy warn of precision; covariances without an inverse and
        # training that ends early are told of too. The scores are compared all the same.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        if build.labelled:
            warnings.filterwarnings("ignore", "y should not be presented")  # PyOD warns of what it demands
        # PyOD's HDBSCAN leaves an argument of scikit-learn's open whose default will change.
        warnings.filterwarnings("ignore", "The default value of `copy`", FutureWarning)
        detector = build.make()
        if "n_features" in detector.get_params(deep=False):
            detector.set_params(n_features=X.shape[1])
        return detector.fit(X, y) if build.labelled else detector.fit(X)


def seen_by(build: Build, X: Matrix) -> Matrix:
    """As many columns as the detector takes."""
    return X if build.columns is None else np.ascontiguousarray(X[:, : build.columns])


def prove(detector: Any, training: Matrix, held_out: Matrix) -> set[str]:
    """Compares graph and reference on every case; their names."""
    preprocessing = Preprocessing.none([f"x{column}" for column in range(training.shape[1])])
    reference = reference_of(detector, preprocessing)
    compared = cases(reference, preprocessing, Rows(training), Rows(held_out), seed=0)
    report = verify(graph_of(detector, preprocessing), reference, compared)
    assert all(case.worst <= 1 for case in report.cases.values())
    return set(report.cases)


def refused(build: Build, kind: str, X: Matrix, y: Labels) -> bool:
    """Asserts that PyOD's `fit` raises where the build says so; True when it does."""
    if kind not in build.refuses:
        return False
    with pytest.raises(Exception, match=build.refuses[kind]):
        fitted(build, X, y)
    return True


def prove_on_real(build: Build, data: str) -> None:
    """Fits on the leading rows of a real table and proves the graph, also on the rows that follow."""
    X, y = real(data)
    X = seen_by(build, X[: 2 * build.rows])
    if refused(build, data, X[: build.rows], y[: build.rows]):
        return
    compared = prove(fitted(build, X[: build.rows], y[: build.rows]), X[: build.rows], X[build.rows :])
    assert compared == {"training rows", "held-out rows", "20 sigma", "10,000 sigma", "constant rows"}


def prove_on_awkward(build: Build, kind: str) -> None:
    """Fits on an awkward table, of which each tenth row is an anomaly, and proves the graph."""
    X = seen_by(build, awkward(kind)[: build.rows])
    y = (np.arange(len(X)) % 10 == 0).astype(np.int64)
    if not refused(build, kind, X, y):
        prove(fitted(build, X, y), X, X[:0])
