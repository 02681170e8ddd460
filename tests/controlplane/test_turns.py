"""What not all detectors may do at once: to train, and to roll after another operator took over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import SETTINGS, RunningOperator
from tests.controlplane.standins import running

ONE_AT_A_TIME = SETTINGS.model_copy(update={"max_concurrent_trainings": 1, "max_concurrent_rollouts": 1})
UPGRADED = ONE_AT_A_TIME.model_copy(
    update={"server_image": "registry.example/server:2", "trainer_image": "registry.example/trainer:2"}
)


def test_the_trainings_that_may_not_run_yet_wait_in_the_order_in_which_they_were_asked_for(unapplied: Detector) -> None:
    unapplied.operator.settings = ONE_AT_A_TIME
    first, second, third = _named(unapplied, "first", "second", "third")
    with unapplied.operator.running():
        first.apply()
        first.await_job()
        second.apply()
        message = second.await_condition("Trained", "Unknown", "Waiting")["message"]
        assert "waiting longer: 0" in message
        second.await_condition("Ready", "False", "Waiting")
        third.apply()
        until(lambda: "waiting longer: 1" in _waits(third), within=WITHIN, what="the third to be in line")
        assert third.get("job", third.job_name) is None

        first.train()

        second.await_job()
        until(lambda: "waiting longer: 0" in _waits(third), within=WITHIN, what="the third to be next")
        assert third.get("job", third.job_name) is None
        second.node.job_failed(second.job_name, "DeadlineExceeded")
        third.await_job()


def test_after_a_restart_the_line_is_as_it_was_and_no_more_run_than_may(unapplied: Detector) -> None:
    unapplied.operator.settings = ONE_AT_A_TIME
    first, second, third = _named(unapplied, "first", "zweiter", "dritter")
    with unapplied.operator.running():
        first.apply()
        first.await_job()
        second.apply()
        second.await_condition("Trained", "Unknown", "Waiting")
        # The status tells whole seconds.
        until(lambda: _now_is_after(second), within=WITHIN, what="the next second")
        third.apply()
        third.await_condition("Trained", "Unknown", "Waiting")

    with unapplied.operator.running():
        _pass(unapplied.operator, 6)
        assert [one.get("job", one.job_name) is not None for one in (second, third)] == [False, False]
        first.train()
        second.await_job()
        _pass(unapplied.operator, 6)
        assert third.get("job", third.job_name) is None


def test_a_detector_that_is_deleted_or_suspended_keeps_nobody_waiting(unapplied: Detector) -> None:
    unapplied.operator.settings = ONE_AT_A_TIME
    first, second, third = _named(unapplied, "first", "second", "third")
    with unapplied.operator.running():
        first.apply()
        first.await_job()
        for one in (second, third):
            one.apply()
            one.await_condition("Trained", "Unknown", "Waiting")

        second.apply(suspend=True)
        unapplied.kubectl("delete", "ad", "first", unapplied.here)

        third.await_job()


def test_an_upgraded_operator_trains_nothing_and_rolls_one_deployment_at_a_time(unapplied: Detector) -> None:
    unapplied.operator.settings = ONE_AT_A_TIME
    three = _named(unapplied, "first", "second", "third")
    with unapplied.operator.running():
        for number, one in enumerate(three):
            one.apply()
            version = one.train()
            one.operator.pods.serve(_address(one, number), version)
            deployment = one.await_child("deployment", one.name)
            one.node.pod(deployment, f"{one.name}-0", running(_address(one, number)))
            one.node.deployment_ready(one.name, 1)
            one.await_condition("Ready", "True", "Succeeded")

    operator = replace(unapplied.operator, settings=UPGRADED)
    with operator.running():
        for done in range(1, 4):
            _await_rolled(three, done)
            _pass(operator, 4)
            assert len(_rolled(three)) == done, "the next one waits until this one is through"
            if done < 3:
                waiting = next(one for one in three if one not in _rolled(three))
                assert waiting.condition("Ready")["status"] == "True"
            for one in _rolled(three):
                one.node.deployment_ready(one.name, 1)
        assert all(len(_jobs(one)) == 1 for one in three), "nothing was trained again"


def test_what_a_user_changes_waits_for_no_turn(unapplied: Detector) -> None:
    unapplied.operator.settings = ONE_AT_A_TIME
    busy, edited = _named(unapplied, "busy", "edited")
    with unapplied.operator.running():
        for one in (busy, edited):
            one.apply()
            one.train()
            one.await_child("deployment", one.name)
        edited.node.deployment_ready("edited", 1)  # the other one rolls for ever: nobody reports on it

    operator = replace(unapplied.operator, settings=UPGRADED)
    with operator.running():
        _pass(operator, 4)
        assert _image(edited).endswith(":1")
        edited.apply(serving={"resources": {"requests": {"cpu": "300m"}}})
        until(lambda: _image(edited).endswith(":2"), within=WITHIN, what="the edit to be carried out")


def _named(detector: Detector, *names: str) -> list[Detector]:
    return [replace(detector, name=name) for name in names]


def _waits(detector: Detector) -> str:
    return str(detector.condition("Trained").get("message", ""))


def _now_is_after(detector: Detector) -> bool:
    waited = datetime.fromisoformat(detector.condition("Trained")["lastTransitionTime"])
    return datetime.now(UTC) - waited > timedelta(seconds=1)


def _address(detector: Detector, number: int) -> str:
    return detector.address(10 + number)


def _image(detector: Detector) -> str:
    found = detector.get("deployment", detector.name)
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _rolled(detectors: Sequence[Detector]) -> list[Detector]:
    return [one for one in detectors if _image(one) == UPGRADED.server_image]


def _await_rolled(detectors: Sequence[Detector], count: int) -> None:
    until(lambda: len(_rolled(detectors)) == count, within=WITHIN, what=f"roll-out {count}")


def _jobs(detector: Detector) -> list[Any]:
    selector = f"--selector=app.kubernetes.io/instance={detector.name}"
    found: list[Any] = detector.kubectl.read("jobs", detector.here, selector)["items"]
    return found


def _pass(operator: RunningOperator, more: int) -> None:
    before = operator.passes()
    until(lambda: operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
