from typing import Any

import pytest
from tests.unit.operator.resources import MINIMAL, model, wanted

from pynomaly_operator.desired.autoscaler import autoscaler
from pynomaly_operator.desired.deployment import deployment
from pynomaly_operator.desired.disruption_budget import disruption_budget
from pynomaly_operator.desired.wanted import Wanted


def scaled(**replicas: int) -> Wanted:
    return wanted({**MINIMAL, "serving": {"replicas": replicas}}, model(MINIMAL))


@pytest.mark.parametrize("replicas", [{}, {"min": 3}, {"min": 3, "max": 3, "cpu": 50}, {"max": 1}])
def test_a_fixed_number_of_pods_has_no_autoscaler_and_stands_in_the_deployment(replicas: dict[str, int]) -> None:
    rendered = deployment(scaled(**replicas))

    assert autoscaler(scaled(**replicas)) is None
    assert rendered is not None
    assert rendered["spec"]["replicas"] == replicas.get("min", 1)


def test_between_two_bounds_the_autoscaler_alone_says_how_many() -> None:
    found, rendered = autoscaler(scaled(min=2, max=10)), deployment(scaled(min=2, max=10))

    assert found is not None
    assert rendered is not None
    assert "replicas" not in rendered["spec"]
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 10)
    assert found["spec"]["scaleTargetRef"]["name"] == rendered["metadata"]["name"]


@pytest.mark.parametrize(
    ("replicas", "aims"),
    [
        ({"max": 2}, {"cpu": 70}),
        ({"max": 2, "cpu": 55}, {"cpu": 55}),
        ({"max": 2, "memory": 80}, {"cpu": 70, "memory": 80}),
    ],
)
def test_it_aims_at_a_share_of_what_pods_request(replicas: dict[str, int], aims: dict[str, int]) -> None:
    found = autoscaler(scaled(**replicas))

    assert found is not None
    assert {_name(metric): _percent(metric) for metric in found["spec"]["metrics"]} == aims


def test_it_grows_by_as_many_again_a_minute_and_shrinks_by_a_tenth_after_five() -> None:
    found = autoscaler(scaled(max=2))

    assert found is not None
    up, down = found["spec"]["behavior"]["scaleUp"], found["spec"]["behavior"]["scaleDown"]
    assert (up["stabilizationWindowSeconds"], up["policies"]) == (
        60,
        [{"type": "Percent", "value": 100, "periodSeconds": 60}],
    )
    assert (down["stabilizationWindowSeconds"], down["policies"]) == (
        300,
        [{"type": "Percent", "value": 10, "periodSeconds": 60}],
    )


def test_before_there_is_a_model_there_is_nothing_to_scale() -> None:
    assert autoscaler(wanted({**MINIMAL, "serving": {"replicas": {"max": 2}}})) is None


def test_a_single_pod_may_be_evicted_and_of_several_one_at_a_time() -> None:
    assert disruption_budget(scaled(min=1, max=5)) is None

    found = disruption_budget(scaled(min=2))

    assert found is not None
    assert found["spec"]["maxUnavailable"] == 1
    rendered = deployment(scaled(min=2))
    assert rendered is not None
    assert found["spec"]["selector"] == rendered["spec"]["selector"]


def _name(metric: Any) -> str:
    name: str = metric["resource"]["name"]
    return name


def _percent(metric: Any) -> int:
    percent: int = metric["resource"]["target"]["averageUtilization"]
    return percent
