"""MAD: its own threshold, and a median deviation of zero."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from pyod.models.mad import MAD

from pynomaly_inference.convert import declaration_of, to_onnx

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Matrix], dict[str, Any]]


def test_labels_are_pyods_by_its_own_threshold_whatever_the_contamination(run: Run) -> None:
    X = np.random.default_rng(0).standard_normal((200, 1))
    for threshold in (0.5, 2.0, 3.5):
        detector = MAD(threshold=threshold, contamination=0.4).fit(X)
        assert run(to_onnx(detector), X * 2)["label"].tolist() == detector.predict(X * 2).tolist()


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # PyOD's division by the deviation
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of zero by zero, and NumPy's of infinities
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # the mean of the largest doubles
def test_where_half_the_values_are_equal_any_other_scores_the_largest_double(run: Run) -> None:
    detector = MAD().fit(np.array([[1.0], [1.0], [1.0], [2.0], [3.0]]))
    theirs = detector.decision_function(np.array([[1.0], [1.5]]))
    assert theirs.tolist() == [0.0, np.finfo(np.float64).max]
    assert run(to_onnx(detector), np.array([[1.0], [1.5]]))["score"].tolist() == theirs.tolist()


def test_it_takes_one_column() -> None:
    assert declaration_of("MAD").only_columns == 1
