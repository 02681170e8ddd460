"""A composite's graph scores as PyOD does, whatever its bases and their combination."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyod.models.ecod import ECOD
from pyod.models.feature_bagging import FeatureBagging
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.suod import SUOD
from sklearn.ensemble import RandomForestRegressor
from tests.converters.tables import Matrix

from pynomaly_inference.convert import reference_scores, to_onnx
from pynomaly_inference.ensemble import Combination, Ensemble

Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]

SINGLE = st.one_of(
    st.builds(KNN, n_neighbors=st.integers(1, 4), method=st.sampled_from(["largest", "mean", "median"])),
    st.builds(HBOS, n_bins=st.integers(3, 8)),
    st.builds(IForest, n_estimators=st.just(3), random_state=st.integers(0, 9)),
    st.builds(ECOD),
)


def composites(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Of these detectors, which may be composites themselves."""
    combinations: st.SearchStrategy[Combination] = st.sampled_from(get_args(Combination))
    return st.one_of(
        st.builds(
            lambda first, second, combination: Ensemble(
                [*first, *second], combination=combination, n_buckets=2, random_state=0
            ),
            st.lists(inner, min_size=2, max_size=2),
            st.lists(inner, min_size=0, max_size=2).filter(lambda more: len(more) != 1),
            combinations,
        ),
        st.builds(
            FeatureBagging,
            SINGLE,  # not one that bags features itself: PyOD bags no single feature
            n_estimators=st.integers(1, 3),
            bootstrap_features=st.booleans(),
            combination=st.sampled_from(["average", "max"]),
            random_state=st.integers(0, 9),
        ),
        st.builds(
            lambda bases, combination, project, approximate, method: SUOD(
                bases,
                combination=combination,
                rp_flag_global=project,
                approx_flag_global=approximate,
                jl_method=method,
                approx_clf=RandomForestRegressor(n_estimators=3, random_state=0),
                bps_flag=False,
            ),
            st.lists(inner, min_size=2, max_size=3),
            st.sampled_from(["average", "maximization"]),
            st.booleans(),
            st.booleans(),
            st.sampled_from(["basic", "discrete"]),
        ),
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # constant columns make PyOD divide by zero
@pytest.mark.filterwarnings(r"ignore:\w+ does not have a predefined code")  # suod does not know every detector
@given(
    detector=composites(st.one_of(SINGLE, composites(SINGLE))),
    table=st.integers(0, 2**32 - 1),
    columns=st.integers(2, 4),
    ties=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scores_equal_pyods_whatever_the_bases_and_their_combination(
    run: Run, agree: Agree, detector: Any, table: int, columns: int, ties: bool
) -> None:
    random = np.random.default_rng(table)
    X = random.integers(0, 3, (24, columns)).astype(float) if ties else random.standard_normal((24, columns))
    detector.fit(X)
    rows = np.concatenate([X[:6], X[:4] + random.standard_normal((4, columns))])
    agree(detector, run(to_onnx(detector), rows)["score"], reference_scores(detector, rows))
