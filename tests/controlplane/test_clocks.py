"""Operators whose clocks are an hour apart take over from each other: nothing is done twice, and nothing taken back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import RunningOperator

from pynomaly_operator.desired.labels import KEY_ROTATED

CHILDREN = 10
KEYS = {"access": {"apiKeys": {"rotateAfter": "2h", "overlap": "90m"}}}


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_operator_whose_clock_is_an_hour_off_writes_nothing_where_nothing_is_due(
    unapplied: Detector, own_operator: RunningOperator, hours: int
) -> None:
    far_from_now = (datetime.now(UTC).hour + 12) % 24
    with own_operator.running():
        unapplied.until_ready(training=_scheduled(unapplied, f"0 {far_from_now} * * *"), serving=KEYS)

    own_operator.now = _off_by(hours)
    with own_operator.running():
        until(lambda: own_operator.children("skipped") >= 3 * CHILDREN, within=WITHIN, what="three looks at each child")

        assert own_operator.writes() == 0


def test_a_tick_that_a_fast_clock_was_early_for_trains_once_whoever_looks_next(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    own_operator.now = _off_by(-1)
    with own_operator.running():
        half_an_hour_off = (datetime.now(UTC).minute + 30) % 60
        unapplied.until_ready(training=_scheduled(unapplied, f"{half_an_hour_off} * * * *"))
    own_operator.now = _off_by(1)
    with own_operator.running():
        unapplied.await_condition("Trained", "Unknown", "Training")
        unapplied.operator.pods.serve(unapplied.address(0), unapplied.train())
        until(lambda: _served(unapplied) == 2, within=WITHIN, what="version 2")
    tick = unapplied.read()["status"]["trigger"]["tick"]

    for hours in (0, -1, 1):
        own_operator.now = _off_by(hours)
        with own_operator.running():
            _pass(unapplied, 3)
            assert unapplied.read()["status"]["trigger"]["tick"] == tick
            assert len(own_operator.registry.versions) == 2
            assert _unfinished(unapplied) == []


def test_keys_are_replaced_by_the_api_servers_clock_whatever_the_operators_says(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    with own_operator.running():
        unapplied.until_ready(serving=KEYS)
    old = _keys(unapplied)
    _note(unapplied, timedelta(minutes=90))

    own_operator.now = _off_by(1)
    with own_operator.running():
        _pass(unapplied, 3)
        assert _keys(unapplied) == old, "it has half an hour left"

    _note(unapplied, timedelta(minutes=125))
    own_operator.now = _off_by(-1)
    with own_operator.running():
        until(lambda: "next" in _keys(unapplied), within=WITHIN, what="the next key")
    prepared = _keys(unapplied)
    assert prepared["current"] == old["current"]

    own_operator.now = _off_by(1)
    with own_operator.running():
        _pass(unapplied, 3)
        assert _keys(unapplied) == prepared, "not every server has had the time to read the next one"


def test_the_previous_key_is_accepted_for_all_its_overlap_by_the_api_servers_clock(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    with own_operator.running():
        unapplied.until_ready(serving=KEYS)
    unapplied.patch("secret", "shuttle-api-keys", {"stringData": {"previous": "the-one-before"}})
    _note(unapplied, timedelta(minutes=60))
    both = _keys(unapplied)

    own_operator.now = _off_by(1)
    with own_operator.running():
        _pass(unapplied, 3)
        assert _keys(unapplied) == both, "it has half an hour left"

    _note(unapplied, timedelta(minutes=91))
    own_operator.now = _off_by(-1)
    with own_operator.running():
        until(lambda: set(_keys(unapplied)) == {"current"}, within=WITHIN, what="the previous key to be dropped")


def _note(detector: Detector, age: timedelta) -> None:
    """As if the key had been made so long ago."""
    then = (datetime.now(UTC) - age).isoformat(timespec="seconds")
    detector.patch("secret", "shuttle-api-keys", {"metadata": {"annotations": {KEY_ROTATED: then}}})


def _off_by(hours: int) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + timedelta(hours=hours)


def _scheduled(detector: Detector, cron: str) -> dict[str, Any]:
    return {**detector.manifest()["spec"]["training"], "schedule": {"cron": cron}}


def _served(detector: Detector) -> int:
    version: int = detector.read()["status"]["model"]["version"]
    return version


def _unfinished(detector: Detector) -> list[str]:
    jobs = detector.kubectl.read("jobs", detector.here)["items"]
    return [job["metadata"]["name"] for job in jobs if not job["status"].get("succeeded")]


def _keys(detector: Detector) -> dict[str, str]:
    return dict(detector.get("secret", "shuttle-api-keys")["data"])


def _pass(detector: Detector, more: int) -> None:
    before = detector.operator.passes()
    until(lambda: detector.operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
