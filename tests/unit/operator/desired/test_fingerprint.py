import hashlib
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.operator.resources import FULL, MINIMAL, spec

from pynomaly_operator.api.status import TriggerStatus
from pynomaly_operator.desired.fingerprint import attempt, fingerprint

# The canonical JSON, written by hand: a test that fails here says that an upgrade would retrain every model.
MINIMAL_TEXT = '{"algorithm":{"name":"IForest"},"training":{"source":{"uri":"https://example.com/rows.csv"}}}'
FULL_TEXT = (
    '{"algorithm":{"name":"KNN","parameters":{"n_neighbors":7}},"contamination":0.07,'
    '"features":[{"name":"rad_flow","type":"Number"},{"name":"zone","type":"Category"}],'
    '"preprocessing":{"impute":"Median","scale":"Standard"},'
    '"training":{"holdout":0.25,"seed":11,"source":{"label":"is_anomaly","timestamp":"recorded_at",'
    '"uri":"pvc://telemetry/shuttle/*.parquet"}}}'
)


@pytest.mark.parametrize(("content", "text"), [(MINIMAL, MINIMAL_TEXT), (FULL, FULL_TEXT)], ids=["minimal", "full"])
def test_fingerprints_never_change_so_an_upgrade_trains_nothing_again(content: dict[str, Any], text: str) -> None:
    assert fingerprint(spec(content)) == hashlib.sha256(text.encode()).hexdigest()


def test_what_asks_for_a_retrain_enters_the_fingerprint_in_one_spelling_for_ever() -> None:
    tick = datetime(2026, 5, 1, 1, 0, tzinfo=UTC)
    trigger = TriggerStatus(retrain="again", tick=tick, schedule="0 3 * * * Europe/Berlin", since=tick)
    asked = ',"trigger":{"retrain":"again","tick":"2026-05-01T01:00:00Z"}}'

    found = fingerprint(spec(MINIMAL), trigger)

    assert found == hashlib.sha256((MINIMAL_TEXT.removesuffix("}") + asked).encode()).hexdigest()
    assert attempt(spec(MINIMAL), trigger) != attempt(spec(MINIMAL))


def test_a_schedule_that_was_not_due_yet_changes_no_fingerprint() -> None:
    trigger = TriggerStatus(schedule="0 3 * * * UTC", since=datetime(2026, 5, 1, tzinfo=UTC))

    assert fingerprint(spec(MINIMAL), trigger) == fingerprint(spec(MINIMAL))


def test_a_null_is_the_same_as_a_field_that_is_left_out() -> None:
    assert fingerprint(spec(_with(MINIMAL, "training.source.label", None))) == fingerprint(spec(MINIMAL))


@pytest.mark.parametrize(
    "change",
    [
        ("algorithm", {"name": "KNN"}),
        ("contamination", 0.2),
        ("features", [{"name": "x", "type": "Number"}]),
        ("preprocessing", {"scale": "MinMax"}),
        ("training.source.uri", "https://example.com/other.csv"),
        ("training.source.label", "y"),
        ("training.source.timestamp", "t"),
        ("training.holdout", 0.5),
        ("training.seed", 5),
    ],
    ids=lambda change: change[0],
)
def test_what_decides_the_model_changes_the_fingerprint(change: tuple[str, Any]) -> None:
    assert fingerprint(spec(_with(MINIMAL, *change))) != fingerprint(spec(MINIMAL))


@pytest.mark.parametrize(
    "change",
    [
        ("training.gates", {"maxAnomalyRate": 0.5}),
        ("training.timeout", "2h"),
        ("training.schedule", {"cron": "0 3 * * *"}),
        ("training.resources", {"limits": {"memory": "8Gi"}}),
        ("serving", {"replicas": {"min": 5}}),
        ("serving", {"version": 2}),
        ("network", {"allowTo": [{"cidr": "10.0.0.0/8", "port": 80}]}),
        ("suspend", True),
    ],
    ids=lambda change: change[0],
)
def test_nothing_else_does(change: tuple[str, Any]) -> None:
    assert fingerprint(spec(_with(MINIMAL, *change))) == fingerprint(spec(MINIMAL))


@pytest.mark.parametrize(
    "change",
    [
        ("training.timeout", "2h"),
        ("training.resources", {"limits": {"memory": "8Gi"}}),
        ("network", {"allowTo": [{"cidr": "10.0.0.0/8", "port": 80}]}),
    ],
    ids=lambda change: change[0],
)
def test_more_time_or_memory_or_another_place_to_connect_to_is_another_attempt(change: tuple[str, Any]) -> None:
    assert attempt(spec(_with(MINIMAL, *change))) != attempt(spec(MINIMAL))


def test_gates_serving_and_who_may_connect_are_no_other_attempt() -> None:
    changed = _with(_with(FULL, "training.gates", {}), "serving", {})
    changed = _with(changed, "network.allowFrom", [])

    assert attempt(spec(changed)) == attempt(spec(FULL))


def test_an_object_that_says_the_same_in_another_order_has_the_same_fingerprint() -> None:
    reordered = {key: FULL[key] for key in reversed(FULL)}

    assert fingerprint(spec(reordered)) == fingerprint(spec(FULL))


def _with(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = deepcopy(content)
    *parents, last = path.split(".")
    part = changed
    for name in parents:
        part = part[name]
    part[last] = value
    return changed
