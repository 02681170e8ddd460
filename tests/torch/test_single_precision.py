"""PyOD's own scores, in single precision, are near: nothing but rounding is between the network and its graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from tests.converters.proving import fitted
from tests.converters.tables import real
from tests.torch.builds.networks import BUILDS

from pynomaly_inference.convert import to_onnx

NEAR = 1e-5
SMALL_DIFFERENCES = ("DeepSVDD, decoder", "ALAD, standardised, spectral, bounded")
"""Their scores are squares of small differences of numbers of size 1, each of which single precision rounds."""
Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def without_noise(detector: Any) -> Any:
    """The same detector: VAE's latent variable is its mean, and the dropout that ALAD leaves on is off."""
    if hasattr(detector, "disc_xx"):
        for module in (detector.enc, detector.dec, detector.disc_xx):
            module.eval()
    if hasattr(getattr(detector, "model", None), "reparameterize"):
        detector.model.reparameterize = lambda mean, _log_variance: mean
    return detector


def both(run: Run, data: str, name: str) -> tuple[Matrix, Matrix, float]:
    """The graph's scores, PyOD's own, and their scale."""
    build = BUILDS[name]
    X, y = real(data)
    X = StandardScaler().fit_transform(X[: 4 * build.rows])
    detector = without_noise(fitted(build, X[: build.rows], y[: build.rows]))
    rows = X[build.rows :]
    ours, theirs = run(to_onnx(detector), rows)["score"], np.asarray(detector.decision_function(rows), np.float64)
    return ours, theirs, float(np.median(np.abs(detector.decision_scores_)))


def relative(ours: Matrix, theirs: Matrix, scale: float) -> float:
    return float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), scale)))


@pytest.mark.parametrize("name", [name for name in BUILDS if name not in SMALL_DIFFERENCES])
@pytest.mark.parametrize("data", ["cardio", "letter"])
def test_pyods_own_scores_agree_to_single_precision(run: Run, data: str, name: str) -> None:
    assert relative(*both(run, data, name)) <= NEAR


@pytest.mark.parametrize(("name", "data"), [(SMALL_DIFFERENCES[0], "letter"), (SMALL_DIFFERENCES[1], "cardio")])
def test_squares_of_small_differences_agree_before_they_are_squared(run: Run, data: str, name: str) -> None:
    ours, theirs, scale = both(run, data, name)
    assert NEAR < relative(ours, theirs, scale) <= 10 * NEAR
    assert np.sqrt(scale) < 0.01
    assert np.sqrt(ours) == pytest.approx(np.sqrt(theirs), rel=0, abs=4 * float(np.finfo(np.float32).eps))
