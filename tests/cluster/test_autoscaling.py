"""The HorizontalPodAutoscaler of a detector, by the real controller and real measurements, under a load of requests."""

from concurrent.futures import Future

import pytest
from tests.cluster.autoscaling import REPLICAS, Climb

TOO_BUSY = "cpu resource utilization (percentage of request) above target"


@pytest.fixture(name="climbed", scope="module")
def _climbed(climb: Future[Climb]) -> Climb:
    """The climb, when it has come to its end."""
    return climb.result()


def test_the_sample_may_climb_from_one_pod_to_three() -> None:
    assert REPLICAS == {"min": 1, "max": 3, "cpu": 70}


def test_load_brings_one_pod_to_three_by_the_clusters_autoscaler_and_nobody_resets_them(
    climbed: Climb, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nLoad to three ready pods: {climbed.seconds:.0f} s, {climbed.answers} requests of 1,000 rows")  # noqa: T201 - a figure to watch
    assert climbed.numbers == [1, 2, 3]
    assert climbed.reasons == [f"New size: {pods}; reason: {TOO_BUSY}" for pods in (2, 3)]


def test_the_number_of_pods_stays_as_it_is_when_autoscaling_is_switched_off(climbed: Climb) -> None:
    assert climbed.afterwards == [3]
    assert climbed.autoscalers == []


def test_no_request_fails_while_pods_come(climbed: Climb) -> None:
    assert climbed.answers > 0
    assert climbed.failures == []
