from dataclasses import replace

import pytest
from tests.unit.operator.resources import FULL, MINIMAL, wanted

from pynomaly_operator.kept import kept

SERVES = {("Deployment", "shuttle"), ("ConfigMap", "shuttle-serving")}


def test_what_serves_stays_though_there_is_nothing_to_serve_for_the_moment() -> None:
    unknown = wanted(MINIMAL)

    assert kept(unknown, ()) >= SERVES
    assert ("HorizontalPodAutoscaler", "shuttle") in kept(wanted(FULL), ())


@pytest.mark.parametrize("replicas", [{}, {"min": 3, "max": 3}])
def test_an_autoscaler_that_is_no_longer_asked_for_does_not_stay(replicas: dict[str, int]) -> None:
    fixed = wanted({**MINIMAL, "serving": {"replicas": replicas}})

    assert ("HorizontalPodAutoscaler", "shuttle") not in kept(fixed, ())


def test_of_the_jobs_only_that_of_this_attempt_stays() -> None:
    (job,) = kept(wanted(MINIMAL), [("Job", "shuttle-train-old")]) - SERVES

    assert job[0] == "Job"
    assert job[1] != "shuttle-train-old"


def test_while_nobody_can_tell_what_to_train_all_that_trains_stays() -> None:
    unknown = replace(wanted(MINIMAL), training=None)
    known = [("Job", "shuttle-train-old"), ("Secret", "shuttle-api-keys")]

    assert kept(unknown, known) - SERVES == {
        ("Job", "shuttle-train-old"),
        ("ConfigMap", "shuttle-training"),
        ("NetworkPolicy", "shuttle-training"),
    }
