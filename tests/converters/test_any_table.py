"""The graph scores as PyOD does, whatever the table and the parameters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from tests.converters.tables import Matrix

from pynomaly_inference.convert import reference_scores, to_onnx

Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]
Build = Callable[[], Any]


def fitted(build: Build, X: Matrix) -> Any:
    with warnings.catch_warnings():
        # Constant columns make PyOD divide by zero and SciPy warn of precision.
        warnings.simplefilter("ignore", RuntimeWarning)
        return build().fit(X)


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
