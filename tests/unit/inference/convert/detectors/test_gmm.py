"""GMM: densities by differences, where PyOD's are differences of products."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.gmm import GMM
from scipy.stats import multivariate_normal

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.convert import declaration_of, reference_scores, score_scale, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


@pytest.mark.parametrize("covariance", ["diag", "spherical"])
def test_far_from_the_origin_pyods_products_leave_the_tolerance_and_ours_do_not(
    run: Run, agree: Agree, covariance: str
) -> None:
    X = np.random.default_rng(0).standard_normal((200, 3)) + 1e5
    detector = GMM(covariance_type=covariance, random_state=0).fit(X)
    variances = np.broadcast_to(detector.covariances_[0], 3)
    exact = -multivariate_normal(mean=np.zeros(3), cov=np.diag(variances)).logpdf(X - detector.means_[0])
    off = np.abs(detector.decision_function(X) - exact)
    assert np.all(off.max() > 100 * tolerance(float(exact.max()), score_scale(detector)))
    agree(detector, reference_scores(detector, X), exact)
    agree(detector, run(to_onnx(detector), X)["score"], exact)
    # At the origin nothing cancels, and PyOD is the reference too.
    near = GMM(covariance_type=covariance, random_state=0).fit(X - 1e5)
    agree(near, reference_scores(near, X - 1e5), near.decision_function(X - 1e5))


@pytest.mark.parametrize("covariance", ["full", "tied"])
def test_of_the_other_covariances_pyod_itself_is_the_reference(covariance: str) -> None:
    X = np.random.default_rng(0).standard_normal((60, 3))
    detector = GMM(n_components=2, covariance_type=covariance, random_state=0).fit(X)
    assert np.array_equal(reference_scores(detector, X), detector.decision_function(X))


def test_starting_values_can_be_given(run: Run, agree: Agree) -> None:
    X = np.random.default_rng(0).standard_normal((60, 2))
    parameters = {
        "weights_init": [0.25, 0.75],
        "means_init": [[0.0, 0.0], [1.0, 1.0]],
        "precisions_init": [[1.0, 1.0], [2.0, 2.0]],
    }
    assert parameters.keys() <= declaration_of("GMM").parameters.keys()
    detector = GMM(n_components=2, covariance_type="diag", random_state=0, **parameters).fit(X)
    agree(detector, run(to_onnx(detector), X)["score"], detector.decision_function(X))
