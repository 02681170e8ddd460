"""Graphs of neighbours, spheres and clusters score as their references do, whatever the table and the parameters."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pyod.models.abod import ABOD
from pyod.models.cblof import CBLOF
from pyod.models.hdbscan import HDBSCAN
from pyod.models.inne import INNE
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.sampling import Sampling
from tests.converters.tables import Matrix

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.convert.metrics import BRUTE_METRICS, METRICS

Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]
Build = Callable[[], Any]

NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))


@st.composite
def tables(draw: st.DrawFn) -> Matrix:
    rows, columns = draw(st.integers(12, 25)), draw(st.integers(1, 3))
    values = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
    copies = draw(st.sampled_from([1, 1, 8]))
    return np.repeat(np.array(values).reshape(rows, columns), copies, axis=0)


def fitted(build: Build, X: Matrix) -> Any:
    with warnings.catch_warnings():
        # Rows without directions leave ABOD without angles.
        warnings.simplefilter("ignore", RuntimeWarning)
        # PyOD's HDBSCAN leaves an argument of scikit-learn's open whose default will change.
        warnings.filterwarnings("ignore", "The default value of `copy`", FutureWarning)
        return build().fit(X)


BUILDS: st.SearchStrategy[Build] = st.one_of(
    st.builds(
        lambda metric, method, k: lambda: KNN(metric=metric, method=method, n_neighbors=k),
        st.sampled_from([*METRICS, *BRUTE_METRICS]),
        st.sampled_from(["largest", "mean", "median"]),
        st.integers(1, 8),
    ),
    st.builds(
        lambda metric, p, k: lambda: LOF(metric=metric, p=p, n_neighbors=k),
        st.sampled_from([*METRICS, *BRUTE_METRICS]),
        st.sampled_from([1, 2, 3]),
        st.integers(1, 8),
    ),
    st.builds(
        lambda metric, k: lambda: ABOD(metric=metric, n_neighbors=k),
        st.sampled_from(["euclidean", "manhattan", "chebyshev"]),
        st.integers(2, 6),
    ),
    st.builds(
        lambda metric, size: lambda: HDBSCAN(metric=metric, min_cluster_size=size),
        st.sampled_from(["euclidean", "chebyshev", "canberra"]),
        st.integers(2, 6),
    ),
    st.builds(
        lambda sets, samples: lambda: INNE(n_estimators=sets, max_samples=samples, random_state=0),
        st.integers(1, 5),
        st.integers(2, 10),
    ),
    st.builds(
        lambda metric, size: lambda: Sampling(metric=metric, subset_size=size, random_state=0),
        st.sampled_from(METRICS),
        st.one_of(st.integers(1, 10), st.floats(0.1, 1.0)),
    ),
)


@given(table=tables(), build=BUILDS, extra=st.lists(NUMBERS, min_size=12, max_size=12))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# scikit-learn's brute force, which searches where more than half of the rows are neighbours, warns of its own step.
@pytest.mark.filterwarnings("ignore:Data was converted to boolean:sklearn.exceptions.DataConversionWarning")
def test_scores_equal_their_references_whatever_the_table_and_the_parameters(
    run: Run, agree: Agree, table: Matrix, build: Build, extra: list[float]
) -> None:
    detector = fitted(build, table)
    rows = np.concatenate([table[:40], np.array(extra).reshape(-1, table.shape[1])])
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))


@given(
    places=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=20, max_size=40, unique=True),
    weights=st.booleans(),
    extra=st.lists(NUMBERS, min_size=12, max_size=12),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_clusters_score_as_their_references_wherever_they_are(
    run: Run, agree: Agree, places: list[tuple[int, int]], weights: bool, extra: list[float]
) -> None:
    X = np.array(places, np.float64)
    detector = CBLOF(n_clusters=4, alpha=0.6, beta=1.5, use_weights=weights, random_state=0)
    try:
        detector.fit(X)
    except ValueError:
        reject()  # PyOD: "Could not form valid cluster separation"
    rows = np.concatenate([X, np.array(extra).reshape(-1, 2)])
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))


def _of_one_length(rows: int) -> Matrix:
    """Rows of random directions."""
    X = np.random.default_rng(0).standard_normal((rows, 10))
    found: Matrix = X / np.linalg.norm(X, axis=1, keepdims=True)
    return found


def _prove(run: Run, agree: Agree, detector: Any, X: Matrix, rows: Matrix) -> None:
    agree(detector, run(to_onnx(detector, training_rows=X), rows)["score"], reference_scores(detector, rows))


@pytest.mark.parametrize("rows", [200, 1100])
@pytest.mark.parametrize("build", [LOF, HDBSCAN, ABOD])
def test_the_centre_of_rows_of_one_length_scores_as_its_reference(
    run: Run, agree: Agree, build: Build, rows: int
) -> None:
    X = _of_one_length(rows)

    _prove(run, agree, fitted(build, X), X, np.vstack([np.zeros(10), X[:5], X[:5] / 2]))


@pytest.mark.parametrize("metric", ["canberra", "braycurtis", "cosine"])
@pytest.mark.parametrize("k", [1, 5])
def test_a_row_of_zeros_that_is_equally_far_from_all_points_scores_as_its_reference(
    run: Run, agree: Agree, metric: str, k: int
) -> None:
    X = np.random.default_rng(0).standard_normal((1100, 4))

    _prove(run, agree, fitted(lambda: LOF(metric=metric, n_neighbors=k), X), X, np.vstack([np.zeros(4), X[:5]]))


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_rows_in_tight_clusters_far_from_each_other_score_as_their_reference(
    run: Run, agree: Agree, metric: str
) -> None:
    chance = np.random.default_rng(0)
    X = chance.integers(0, 5, (1100, 3)) * 1e3 + chance.standard_normal((1100, 3)) * 1e-3

    detector = fitted(lambda: LOF(metric=metric, n_neighbors=1), X)
    _prove(run, agree, detector, X, np.vstack([X[:20], X[:20] + 1e-4]))
