from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pynomaly_operator.api.v1alpha1 import ApiKeys
from pynomaly_operator.desired.labels import KEY_ROTATED
from pynomaly_operator.rotation import NEXT_MANAGER, SPREAD, Keys, Step, due, keys

MADE = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICY = ApiKeys.model_validate({"rotateAfter": "720h", "overlap": "24h"})
HOUR = timedelta(hours=1)


def _secret(rotated: str | None = None, *entries: str, written: datetime = MADE) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:data": {f"f:{entry}": {} for entry in entries}}
    entry = {"manager": "pynomaly", "operation": "Update", "time": written.isoformat(), "fieldsV1": fields}
    return {"annotations": {} if rotated is None else {KEY_ROTATED: rotated}, "managedFields": [entry]}


def test_a_secret_that_was_never_rotated_is_as_old_as_its_key() -> None:
    assert keys(_secret(None, "current")) == Keys(MADE, rotated=False, previous=False)


def test_what_the_operator_noted_counts_more_than_when_the_secret_was_last_written() -> None:
    noted = MADE - 5 * HOUR

    assert keys(_secret(noted.isoformat(), "current", "previous")) == Keys(noted, rotated=True, previous=True)


@pytest.mark.parametrize("noted", ["2030-01-01T00:00:00+00:00", "yesterday", "2026-05-01T00:00:00"])
def test_a_note_that_is_none_or_of_a_wrong_clock_does_not_keep_a_key_for_ever(noted: str) -> None:
    found = keys(_secret(noted, "current"))

    assert found is not None
    assert found.made == MADE


def test_a_secret_without_a_current_key_tells_nothing() -> None:
    assert keys(_secret(None, "previous")) is None


def test_a_previous_key_that_its_user_put_there_is_left_alone() -> None:
    found = Keys(MADE, rotated=False, previous=True)

    assert due(ApiKeys(), found, MADE + 1000 * HOUR) is None
    assert due(POLICY, found, MADE + HOUR) == (Step.PREPARE, MADE + 720 * HOUR - SPREAD)


def test_a_key_that_is_prepared_in_time_becomes_current_when_the_one_before_has_had_its_time() -> None:
    found = Keys(MADE, rotated=True, previous=False, prepared=MADE + 720 * HOUR - SPREAD)

    assert due(POLICY, found, MADE + HOUR) == (Step.ROTATE, MADE + 720 * HOUR)


def test_a_key_that_is_prepared_late_becomes_current_when_every_server_has_read_it() -> None:
    late = MADE + 1000 * HOUR

    assert due(POLICY, Keys(MADE, rotated=True, previous=False), late) == (Step.PREPARE, MADE + 720 * HOUR - SPREAD)
    prepared = Keys(MADE, rotated=True, previous=False, prepared=late)
    assert due(POLICY, prepared, late) == (Step.ROTATE, late + SPREAD)


def test_when_the_next_key_was_written_is_told_by_its_own_holder() -> None:
    secret = _secret(None, "current")
    other = _secret(None, "next", written=MADE + HOUR)["managedFields"]
    secret["managedFields"] += other

    assert keys(secret) == Keys(MADE, rotated=False, previous=False, prepared=MADE + HOUR)


def test_the_previous_key_goes_after_its_overlap_also_when_nothing_is_rotated_any_more() -> None:
    assert due(ApiKeys(), Keys(MADE, rotated=True, previous=True), MADE) == (Step.DROP_PREVIOUS, MADE + 24 * HOUR)


def test_a_next_key_that_an_operator_wrote_is_dropped_when_keys_are_to_be_replaced_no_more() -> None:
    found = keys(_prepared_by(NEXT_MANAGER))

    assert found == Keys(MADE, rotated=False, previous=False, prepared=MADE + HOUR, ours=True)
    assert due(ApiKeys(), found, MADE + HOUR) == (Step.DROP_NEXT, MADE + HOUR)
    assert due(POLICY, found, MADE + HOUR) == (Step.ROTATE, MADE + 720 * HOUR)


@pytest.mark.parametrize("managers", [["kubectl"], ["kubectl", NEXT_MANAGER]])
def test_a_next_key_that_its_user_wrote_is_left_alone(managers: list[str]) -> None:
    found = keys(_prepared_by(*managers))

    assert found is not None
    assert due(ApiKeys(), found, MADE + 1000 * HOUR) is None


def test_both_other_keys_go_one_after_the_other_when_keys_are_to_be_replaced_no_more() -> None:
    found, late = Keys(MADE, rotated=True, previous=True, prepared=MADE + 720 * HOUR, ours=True), MADE + 721 * HOUR

    assert due(ApiKeys(), found, late) == (Step.DROP_NEXT, MADE + 720 * HOUR)
    assert due(ApiKeys(), replace(found, prepared=None, ours=False), late) == (Step.DROP_PREVIOUS, MADE + 24 * HOUR)


def _prepared_by(*managers: str) -> dict[str, Any]:
    """A Secret whose next key these wrote."""
    (entry,) = _secret(None, "next", written=MADE + HOUR)["managedFields"]
    secret = _secret(None, "current")
    return {**secret, "managedFields": [*secret["managedFields"], *({**entry, "manager": by} for by in managers)]}


@given(st.integers(3600, 10**6), st.floats(0, 0.99), st.lists(st.integers(1, 10**7), min_size=1, max_size=30))
def test_no_key_is_refused_early_nor_current_for_longer_than_its_time_nor_before_all_servers_have_read_it(
    rotate: int, share: float, pauses: list[int]
) -> None:
    overlap = max(60, int(rotate * share))
    policy = ApiKeys.model_validate({"rotateAfter": f"{rotate // 3600}h{rotate % 3600}s", "overlap": f"{overlap}s"})
    now, found, replaced = MADE, Keys(MADE, rotated=False, previous=False), MADE
    for pause in pauses:  # passes at any times, such as after an outage
        now += timedelta(seconds=pause)
        for _ in range(4):
            step = due(policy, found, now)
            assert step is not None
            if step[1] > now:
                break
            if step[0] is Step.DROP_PREVIOUS:
                assert now - replaced >= timedelta(seconds=overlap)
                found = replace(found, previous=False)
            elif step[0] is Step.PREPARE:
                found = replace(found, prepared=now)
            else:
                assert found.prepared is not None
                assert now - found.prepared >= SPREAD
                assert now - found.made >= timedelta(seconds=rotate)
                if found.previous:
                    assert now - replaced >= timedelta(seconds=overlap)
                found, replaced = Keys(now, rotated=True, previous=True), now
        assert now - found.made < timedelta(seconds=rotate) or now - (found.prepared or MADE) < SPREAD
        assert not found.previous or now - replaced < timedelta(seconds=overlap)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"rotateAfter": "59m"}, "at least 1h"),
        ({"rotateAfter": "24h"}, "overlap is 24h"),
        ({"rotateAfter": "2h", "overlap": "2h"}, "and less than rotateAfter"),
        ({"rotateAfter": "2h", "overlap": "59s"}, "at least 1m"),
        ({"overlap": "2h"}, "overlap needs rotateAfter"),
    ],
)
def test_a_policy_that_would_leave_a_gap_is_refused(policy: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ApiKeys.model_validate(policy)
