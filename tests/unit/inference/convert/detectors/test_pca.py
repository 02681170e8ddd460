"""PCA: sums of distances to components, infinities included, and reconstruction errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.pca import PCA
from sklearn import decomposition
from sklearn.preprocessing import StandardScaler

from pynomaly_inference.convert import to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def correlated() -> Matrix:
    random = np.random.default_rng(0)
    return random.standard_normal((200, 5)) @ (random.standard_normal((5, 5)) * [3.0, 2.0, 1.0, 0.3, 0.1])


@pytest.mark.parametrize("parameters", [{}, {"standardization": False}, {"n_selected_components": 2}])
def test_contributions_are_the_reconstruction_errors_of_the_leading_components(
    run: Run, parameters: dict[str, Any]
) -> None:
    X = correlated() + 7.0
    rows = np.random.default_rng(1).standard_normal((20, 5)) * 3
    contributions = run(to_onnx(PCA(**parameters).fit(X)), rows)["contributions"]
    if parameters.get("standardization", True):
        scaler = StandardScaler().fit(X)
        X, rows = scaler.transform(X), scaler.transform(rows)
    explained = np.cumsum(decomposition.PCA().fit(X).explained_variance_ratio_)
    leading = int(np.argmax(explained >= 0.9)) + 1
    assert leading < 5
    analysis = decomposition.PCA(n_components=leading).fit(X)
    reconstructed = analysis.inverse_transform(analysis.transform(rows))
    assert contributions == pytest.approx((rows - reconstructed) ** 2, rel=1e-9, abs=1e-12)


def test_contributions_use_fewer_components_than_features_even_if_all_are_needed(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((500, 2))
    contributions = run(to_onnx(PCA().fit(X)), X[:5])["contributions"]
    assert contributions.min() > 0


def test_contributions_of_one_feature_are_its_squared_standard_score(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((50, 1)) * 4 + 3
    contributions = run(to_onnx(PCA().fit(X)), X)["contributions"]
    assert contributions == pytest.approx(StandardScaler().fit_transform(X) ** 2, rel=1e-10, abs=1e-20)


def test_contributions_use_at_most_the_components_kept(run: Run) -> None:
    X = correlated()
    standard = StandardScaler().fit_transform(X)
    analysis = decomposition.PCA(n_components=1).fit(standard)
    assert analysis.explained_variance_ratio_[0] < 0.9
    expected = (standard - analysis.inverse_transform(analysis.transform(standard))) ** 2
    contributions = run(to_onnx(PCA(n_components=1).fit(X)), X)["contributions"]
    assert contributions == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kept", [None, 1, 3])
def test_a_row_on_a_component_is_at_distance_zero_from_it(run: Run, agree: Agree, kept: int | None) -> None:
    """|z|^2 - 2zc + 1 would be 1e-8 there; PyOD subtracts."""
    detector = PCA(n_components=kept).fit(correlated())
    rows = detector.selected_components_ * detector.scaler_.scale_ + detector.scaler_.mean_
    rows = np.concatenate([rows, np.nextafter(rows, np.inf), rows * (1 + 1e-9)])
    agree(detector, run(to_onnx(detector), rows)["score"], detector.decision_function(rows))


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # PyOD's division by the variance of a constant
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's percentile and deviation of infinities
def test_a_constant_column_gives_every_row_pyods_infinite_score(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((100, 3))
    X[:, 1] = 5.0
    detector = PCA().fit(X)
    assert np.isinf(detector.decision_function(X)).all()
    outputs = run(to_onnx(detector), X)
    assert np.isposinf(outputs["score"]).all()
    assert outputs["label"].tolist() == detector.predict(X).tolist()


@pytest.mark.parametrize("solver", ["full", "arpack", "randomized"])
def test_every_solver_declared_scores_as_pyod(run: Run, agree: Agree, solver: str) -> None:
    X = correlated()
    detector = PCA(n_components=3, svd_solver=solver, random_state=0).fit(X)
    agree(detector, run(to_onnx(detector), X * 2)["score"], detector.decision_function(X * 2))


def test_minkas_estimate_scores_as_pyod(run: Run, agree: Agree) -> None:
    detector = PCA(n_components="mle").fit(correlated())
    agree(detector, run(to_onnx(detector), correlated())["score"], detector.decision_function(correlated()))
