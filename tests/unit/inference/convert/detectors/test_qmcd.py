"""QMCD: scores that PyOD turns round by their distribution."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.qmcd import QMCD

from pynomaly_inference.convert import declaration_of, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]
Agree = Callable[[Any, Matrix, Matrix], None]


@pytest.mark.parametrize("clustered", [0, 10])
def test_scores_are_pyods_turned_round_or_not(run: Run, agree: Agree, clustered: int) -> None:
    """PyOD turns them round unless few rows lie far more densely than the rest."""
    random = np.random.default_rng(0)
    X = np.concatenate([random.random((200, 10)), np.full((clustered, 10), 0.5)])
    detector = QMCD().fit(X)
    centre, outside = detector.decision_function(np.stack([np.full(10, 0.5), np.full(10, -2.0)]))
    assert (outside > centre) == (clustered > 0)
    agree(detector, run(to_onnx(detector), X * 2)["score"], detector.decision_function(X * 2))


def test_a_run_takes_so_few_rows_that_products_stay_in_the_cache() -> None:
    declaration = declaration_of("QMCD")
    random = np.random.default_rng(0)
    assert declaration.chunk(QMCD().fit(random.random((100, 2)))) == 256
    assert declaration.chunk(QMCD().fit(random.random((1000, 2)))) == 32
