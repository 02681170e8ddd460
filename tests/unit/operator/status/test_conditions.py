from datetime import UTC, datetime, timedelta

import pytest

from pynomaly_operator.api.status import Condition, ConditionType
from pynomaly_operator.status.conditions import Aspects, Verdict, conditions
from pynomaly_operator.status.findings import Finding, Reason

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
TRAINED = Verdict("True", Reason.SUCCEEDED)
UNKNOWN = Verdict("Unknown", Reason.TRAINING)
FAILED = Verdict("False", Reason.DATA_REJECTED)
WORKING = Finding(Reason.TRAINING, "training in pod p")
STUCK = Finding(Reason.DATA_REJECTED, "column `y` is text", stalled=True)


@pytest.mark.parametrize(
    ("aspects", "expected"),
    [
        (
            Aspects(TRAINED, 2, None, suspended=False, served="version 1"),
            (
                "Ready=True/Succeeded Trained=True/Succeeded Serving=True/Succeeded "
                "Reconciling=False/Succeeded Stalled=False/Succeeded"
            ),
        ),
        (
            Aspects(UNKNOWN, 0, WORKING, suspended=False, served=""),
            (
                "Ready=False/Training Trained=Unknown/Training Serving=False/PodsNotReady "
                "Reconciling=True/Training Stalled=False/Training"
            ),
        ),
        (
            Aspects(FAILED, 2, STUCK, suspended=False, served=""),
            (
                "Ready=False/DataRejected Trained=False/DataRejected Serving=True/Succeeded "
                "Reconciling=False/DataRejected Stalled=True/DataRejected"
            ),
        ),
        (
            Aspects(TRAINED, 2, None, suspended=True, served=""),
            (
                "Ready=True/Suspended Trained=True/Succeeded Serving=True/Succeeded "
                "Reconciling=False/Suspended Stalled=False/Suspended"
            ),
        ),
        (
            Aspects(UNKNOWN, 0, WORKING, suspended=True, served=""),
            (
                "Ready=False/Suspended Trained=Unknown/Training Serving=False/PodsNotReady "
                "Reconciling=False/Suspended Stalled=False/Suspended"
            ),
        ),
    ],
    ids=["served", "training", "failed while an older model serves", "suspended and served", "suspended before"],
)
def test_what_was_observed_decides_all_five_conditions(aspects: Aspects, expected: str) -> None:
    found = conditions(aspects, 3, (), NOW)

    assert " ".join(f"{c.type}={c.status}/{c.reason}" for c in found) == expected
    assert {c.observed_generation for c in found} == {3}
    assert {c.type for c in found} == set(ConditionType)


def test_the_transition_time_moves_with_the_status_and_not_with_the_reason() -> None:
    working = Aspects(UNKNOWN, 0, WORKING, suspended=False, served="")
    before = conditions(working, 1, (), NOW)
    later = NOW + timedelta(minutes=5)

    rolling = Aspects(TRAINED, 1, Finding(Reason.ROLLING_OUT, "1 of 2"), suspended=False, served="")
    after = {c.type: c for c in conditions(rolling, 1, before, later)}

    assert after["Ready"].reason == "RollingOut"
    assert after["Ready"].last_transition_time == NOW
    assert after["Trained"].last_transition_time == later
    assert after["Serving"].last_transition_time == later


def test_nothing_observed_anew_gives_the_very_same_conditions() -> None:
    aspects = Aspects(FAILED, 2, STUCK, suspended=False, served="")
    before = conditions(aspects, 3, (), NOW)

    assert conditions(aspects, 3, before, NOW + timedelta(days=1)) == before


def test_a_condition_of_somebody_else_is_not_taken_for_ours() -> None:
    foreign = Condition(
        type="Approved", status="True", reason="ByHand", observed_generation=1, last_transition_time=NOW
    )

    found = conditions(Aspects(TRAINED, 1, None, suspended=False, served=""), 1, (foreign,), NOW)

    assert "Approved" not in {c.type for c in found}


def test_a_message_is_short_and_shows_no_credentials() -> None:
    told = Finding(Reason.SOURCE_UNREACHABLE, "https://user:pa55@example.com/x refused " + "x" * 5000, stalled=True)

    ready = conditions(Aspects(FAILED, 0, told, suspended=False, served=""), 1, (), NOW)[0]

    assert ready.message.startswith("https://***@example.com/x refused")
    assert len(ready.message.encode()) == 1000
