"""Scores counted between training quantiles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.server.score_histogram import ScoreHistogram

finite = st.floats(-1e6, 1e6)


def scored(scores: np.ndarray) -> Scored:
    return Scored(scores, (scores > 1).astype(np.int64), scores)


@given(
    st.lists(finite, min_size=1, max_size=9),
    st.lists(arrays(np.float64, st.integers(1, 5), elements=finite), max_size=6),
)
def test_any_answers_are_counted_as_one_by_one(quantiles: list[float], answers: list[np.ndarray]) -> None:
    histogram = ScoreHistogram(quantiles)
    for answer in answers:
        histogram.observe(scored(answer))
    scores = [float(score) for answer in answers for score in answer]

    bounds = sorted(set(quantiles))
    expected = [(repr(bound), float(sum(score <= bound for score in scores))) for bound in bounds]
    assert histogram.buckets() == [*expected, ("+Inf", float(len(scores)))]
    assert histogram.anomalies == sum(score > 1 for score in scores)
    assert np.isclose(histogram.sum, sum(scores))


def test_counts_stay_right_over_more_answers_than_wait_and_over_looks_in_between() -> None:
    histogram = ScoreHistogram([0.0, 1.0])

    for index in range(1_000):
        histogram.observe(scored(np.array([0.5])))
        if index % 300 == 0:
            assert histogram.buckets()[-1] == ("+Inf", index + 1.0)
    histogram.observe(scored(np.full(100_000, 2.0)))

    assert histogram.buckets() == [("0.0", 0.0), ("1.0", 1_000.0), ("+Inf", 101_000.0)]
    assert histogram.anomalies == 100_000
    assert histogram.sum == 500.0 + 200_000.0
