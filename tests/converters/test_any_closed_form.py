"""Closed forms and kernels score as PyOD does, whatever the table and the parameters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyod.models.gmm import GMM
from pyod.models.kde import KDE
from pyod.models.kpca import KPCA
from pyod.models.mad import MAD
from pyod.models.mcd import MCD
from pyod.models.ocsvm import OCSVM
from pyod.models.qmcd import QMCD
from tests.converters.proving import prove
from tests.converters.tables import Matrix

Build = Callable[[], Any]

REFUSALS = ("covariance matrix", "ill-defined empirical covariance", "negative eigenvalues", "not finite", "ARPACK")
"""Of PyOD's `fit`: tables without spread, kernels that are none."""


def fitted(build: Build, X: Matrix) -> Any | None:
    """None where PyOD itself refuses the table."""
    with warnings.catch_warnings():
        # Constant columns make PyOD divide by zero; small tables have covariances without an inverse.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            return build().fit(X)
        except ValueError as error:
            if any(refusal in str(error) for refusal in REFUSALS):
                return None
            raise


NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))


@st.composite
def tables(draw: st.DrawFn) -> Matrix:
    rows, columns = draw(st.integers(12, 25)), draw(st.integers(1, 3))
    values = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
    return np.array(values).reshape(rows, columns)


BUILDS: st.SearchStrategy[Build] = st.one_of(
    st.builds(
        lambda centred, fraction: lambda: MCD(assume_centered=centred, support_fraction=fraction, random_state=0),
        st.booleans(),
        st.sampled_from([None, 0.7, 1.0]),
    ),
    st.builds(
        lambda components, covariance: (
            lambda: GMM(n_components=components, covariance_type=covariance, reg_covar=1e-3, random_state=0)
        ),
        st.integers(1, 3),
        st.sampled_from(["full", "tied", "diag", "spherical"]),
    ),
    st.builds(
        lambda kernel, gamma, degree, coef0, nu: (
            lambda: OCSVM(kernel=kernel, gamma=gamma, degree=degree, coef0=coef0, nu=nu, max_iter=1000)
        ),
        st.sampled_from(["rbf", "linear", "poly", "sigmoid"]),
        st.one_of(st.sampled_from(["auto", "scale"]), st.floats(1e-3, 10)),
        st.integers(0, 4),
        st.floats(-1, 1),
        st.floats(0.1, 0.9),
    ),
    st.builds(
        lambda kernel, components, gamma: (
            lambda: KPCA(kernel=kernel, n_components=components, gamma=gamma, eigen_solver="dense", random_state=0)
        ),
        st.sampled_from(["rbf", "linear", "poly", "cosine"]),
        st.sampled_from([None, 1, 5]),
        st.sampled_from([None, 0.01, 2.0]),
    ),
    st.builds(
        lambda bandwidth, p: lambda: KDE(bandwidth=bandwidth, metric_params={"p": p}),
        st.one_of(st.sampled_from(["scott", "silverman"]), st.floats(1e-2, 100)),
        st.sampled_from([1, 2, 3]),
    ),
    st.just(QMCD),
)


@given(table=tables(), build=BUILDS, extra=st.lists(NUMBERS, min_size=12, max_size=12))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scores_equal_pyods_whatever_the_table_and_the_parameters(
    table: Matrix, build: Build, extra: list[float]
) -> None:
    detector = fitted(build, table)
    assume(detector is not None and np.isfinite(detector.decision_scores_).all())
    prove(detector, table, np.array(extra).reshape(-1, table.shape[1]))


@given(values=st.lists(NUMBERS, min_size=5, max_size=20), threshold=st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_mad_equals_pyods_whatever_the_column_and_the_threshold(values: list[float], threshold: float) -> None:
    column = np.array(values)[:, None]
    detector = fitted(lambda: MAD(threshold=threshold), column)
    prove(detector, column, column * 2)
