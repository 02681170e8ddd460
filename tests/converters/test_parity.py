"""The graph scores as PyOD does: on real data, on awkward data, and whatever the parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from tests.converters.catalogue import builds
from tests.converters.proving import fitted, prove_on_awkward, prove_on_real, seen_by
from tests.converters.tables import AWKWARD, REAL, Matrix, real

from pynomaly_inference.convert import declarations, to_onnx
from pynomaly_inference.convert.networks import EXTRA

# scikit-learn's brute force, which searches above 15 features, warns of its own step.
pytestmark = pytest.mark.filterwarnings("ignore:Data was converted to boolean:sklearn.exceptions.DataConversionWarning")
BUILDS = builds()
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


def test_every_detector_that_needs_no_torch_has_a_build() -> None:
    built = {type(build.make()).__name__ for build in BUILDS.values()}
    assert built == {declaration.name for declaration in declarations() if declaration.extra != EXTRA}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("data", REAL)
def test_scores_equal_pyods_on_real_data(data: str, name: str) -> None:
    prove_on_real(BUILDS[name], data)


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("kind", AWKWARD)
def test_scores_equal_pyods_on_awkward_data(kind: str, name: str) -> None:
    prove_on_awkward(BUILDS[name], kind)


@pytest.mark.parametrize("name", [name for name, build in BUILDS.items() if not build.frozen])
def test_scores_equal_pyods_without_the_projects_own_comparison(run: Run, agree: Agree, name: str) -> None:
    build = BUILDS[name]
    X, y = real("thyroid")
    X = seen_by(build, X)
    detector = fitted(build, X[: build.rows], y[: build.rows])
    rows = np.concatenate([X[build.rows : build.rows + 30], X[:30]])
    theirs = np.array([detector.decision_function(row[None])[0] for row in rows])
    ours = run(to_onnx(detector), rows)["score"]
    apart = np.abs(ours - theirs) > build.absolute
    agree(detector, ours[apart], theirs[apart])
