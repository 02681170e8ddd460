"""The graph scores as PyOD does: on real data, on awkward data, and whatever the parameters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA

from pynomaly_inference.convert import reference_of, reference_scores, to_onnx
from pynomaly_inference.convert.cases import cases
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.convert.verify import verify
from pynomaly_inference.scoring.rows import Rows

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]
Build = Callable[[], Any]

DETECTORS: dict[str, Build] = {
    "IForest": lambda: IForest(n_estimators=20, random_state=0),
    "IForest, few features, bootstrap": lambda: IForest(
        n_estimators=20, max_features=0.5, max_samples=0.3, bootstrap=True, random_state=0
    ),
    "KNN largest": KNN,
    "KNN mean": lambda: KNN(method="mean", n_neighbors=7),
    "KNN median of an even number": lambda: KNN(method="median", n_neighbors=4),
    "KNN median of an odd number": lambda: KNN(method="median", n_neighbors=3),
    "KNN manhattan": lambda: KNN(metric="manhattan"),
    "KNN minkowski 3": lambda: KNN(p=3, n_neighbors=2),
    "HBOS": HBOS,
    "HBOS auto": lambda: HBOS(n_bins="auto", alpha=0.2, tol=0.3),
    "ECOD": ECOD,
    "PCA": PCA,
    "PCA, variance, plain": lambda: PCA(n_components=0.8, weighted=False, standardization=False),
    "PCA, last component, whitened": lambda: PCA(n_selected_components=1, whiten=True),
}
ROWS = 300
"""Fitted on."""


def fitted(build: Build, X: Matrix) -> Any:
    with warnings.catch_warnings():
        # Constant columns make PyOD divide by zero and SciPy warn of precision.
        warnings.simplefilter("ignore", RuntimeWarning)
        return build().fit(X)


def prove(detector: Any, training: Matrix, held_out: Matrix) -> set[str]:
    preprocessing = Preprocessing.none([f"x{column}" for column in range(training.shape[1])])
    reference = reference_of(detector, preprocessing)
    compared = cases(reference, preprocessing, Rows(training), Rows(held_out), seed=0)
    report = verify(to_onnx(detector), reference, compared)
    assert all(case.worst <= 1 for case in report.cases.values())
    return set(report.cases)


def awkward(kind: str) -> Matrix:
    random = np.random.default_rng(1)
    X = random.standard_normal((300, 4))
    made: dict[str, Matrix] = {
        "ties": random.integers(0, 4, (300, 4)).astype(np.float64),
        "a constant column": np.concatenate([X, np.full((300, 1), 0.1)], axis=1),
        "all columns constant but one": np.concatenate([X[:, :1], np.full((300, 2), -7.0)], axis=1),
        "offset 1e6": X + 1e6,
        "scale 1e-6": X * 1e-6,
        "mixed scales": X * np.array([1e-6, 1.0, 1e3, 1e6]),
        "one feature": X[:, :1],
        "200 features": random.standard_normal((100, 200)),
        "more features than rows": random.standard_normal((30, 40)),
        "duplicates": np.repeat(X[:30], 10, axis=0),
        "symmetric integers": np.tile(np.array([[-1.0, 2.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), (75, 1)),
    }
    return made[kind]


AWKWARD = (
    "ties",
    "a constant column",
    "all columns constant but one",
    "offset 1e6",
    "scale 1e-6",
    "mixed scales",
    "one feature",
    "200 features",
    "more features than rows",
    "duplicates",
    "symmetric integers",
)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("data", ["cardio", "letter", "mammography", "satellite", "shuttle", "thyroid"])
def test_scores_equal_pyods_on_real_data(dataset: Callable[[str], Matrix], data: str, name: str) -> None:
    X = dataset(data)
    compared = prove(fitted(DETECTORS[name], X[:ROWS]), X[:ROWS], X[ROWS : 2 * ROWS])
    assert compared == {"training rows", "held-out rows", "20 sigma", "10,000 sigma", "constant rows"}


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_scores_equal_pyods_on_awkward_data(kind: str, name: str) -> None:
    X = awkward(kind)
    prove(fitted(DETECTORS[name], X), X, X[:0])


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_equal_pyods_without_the_projects_own_comparison(
    dataset: Callable[[str], Matrix], run: Run, agree: Agree, name: str
) -> None:
    X = dataset("thyroid")
    detector = fitted(DETECTORS[name], X[:ROWS])
    rows = np.concatenate([X[ROWS : ROWS + 30], X[:30]])
    theirs = np.array([detector.decision_function(row[None])[0] for row in rows])
    agree(detector, run(to_onnx(detector), rows)["score"], theirs)


NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))


@st.composite
def tables(draw: st.DrawFn) -> Matrix:
    rows, columns = draw(st.integers(12, 25)), draw(st.integers(1, 3))
    values = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
    return np.array(values).reshape(rows, columns)


BUILDS: st.SearchStrategy[Build] = st.one_of(
    st.builds(
        lambda features, samples, bootstrap: (
            lambda: IForest(
                n_estimators=5, max_features=features, max_samples=samples, bootstrap=bootstrap, random_state=0
            )
        ),
        st.sampled_from([0.5, 1.0]),
        st.sampled_from([1, 2, 3, 0.5, "auto"]),
        st.booleans(),
    ),
    st.builds(
        lambda method, k, p: lambda: KNN(method=method, n_neighbors=k, p=p),
        st.sampled_from(["largest", "mean", "median"]),
        st.integers(1, 8),
        st.sampled_from([1, 2, 2.5]),
    ),
    st.builds(
        lambda bins, alpha, tol: lambda: HBOS(n_bins=bins, alpha=alpha, tol=tol),
        st.one_of(st.integers(3, 12), st.just("auto")),
        st.floats(0.01, 0.99),
        st.floats(0.01, 0.99),
    ),
    st.just(ECOD),
    st.builds(
        lambda weighted, standardization: lambda: PCA(weighted=weighted, standardization=standardization),
        st.booleans(),
        st.booleans(),
    ),
)


@given(table=tables(), build=BUILDS, extra=st.lists(NUMBERS, min_size=12, max_size=12))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scores_equal_pyods_whatever_the_table_and_the_parameters(
    run: Run, agree: Agree, table: Matrix, build: Build, extra: list[float]
) -> None:
    detector = fitted(build, table)
    rows = np.concatenate([table, np.array(extra).reshape(-1, table.shape[1])])
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))
