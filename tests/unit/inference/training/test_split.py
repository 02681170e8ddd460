"""Which rows train is a function of the resource and the table alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from pynomaly_inference.errors import DataRejected
from pynomaly_inference.training.split import split


@given(rows=st.integers(20, 500), share=st.floats(0.01, 0.9), seed=st.integers(0, 2**32 - 1))
def test_every_row_is_on_one_side(rows: int, share: float, seed: int) -> None:
    parts = split(rows, share, seed, label=None, timestamp=None)
    together = np.sort(np.concatenate([parts.train, parts.held_out]))
    np.testing.assert_array_equal(together, np.arange(rows))


def test_a_holdout_of_zero_trains_on_every_row() -> None:
    parts = split(30, 0, 0, label=None, timestamp=None)
    np.testing.assert_array_equal(parts.train, np.arange(30))
    assert len(parts.held_out) == 0


def test_with_a_label_the_split_is_scikit_learns_stratified_one() -> None:
    label = np.repeat([0, 1], [90, 10]).astype(np.int64)
    parts = split(100, 0.3, 5, label=label, timestamp=None)
    train, held_out = train_test_split(np.arange(100), test_size=0.3, random_state=5, stratify=label)
    np.testing.assert_array_equal(parts.train, train)
    np.testing.assert_array_equal(parts.held_out, held_out)
    assert label[parts.held_out].sum() == 3


def test_with_a_timestamp_the_last_rows_are_held_out() -> None:
    timestamp = np.array([5, 1, 4, 2, 3], np.int64)
    parts = split(5, 0.3, 0, label=None, timestamp=timestamp)
    assert parts.train.tolist() == [1, 3, 4]
    assert parts.held_out.tolist() == [2, 0]


def test_rows_of_one_time_stay_in_file_order() -> None:
    parts = split(4, 0.5, 0, label=None, timestamp=np.zeros(4, np.int64))
    assert (parts.train.tolist(), parts.held_out.tolist()) == ([0, 1], [2, 3])


def test_a_class_with_one_row_cannot_be_split() -> None:
    label = np.zeros(30, np.int64)
    label[3] = 1
    with pytest.raises(DataRejected, match="the label is 1 in 1 row only"):
        split(30, 0.3, 0, label=label, timestamp=None)


def test_a_holdout_smaller_than_the_classes_is_refused() -> None:
    label = np.repeat([0, 1], 10).astype(np.int64)
    with pytest.raises(DataRejected, match=r"change `training\.holdout`"):
        split(20, 0.01, 0, label=label, timestamp=None)
