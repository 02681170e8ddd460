from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.resources import MINIMAL, spec

from pynomaly_operator.api.status import TriggerStatus
from pynomaly_operator.api.v1alpha1 import Schedule
from pynomaly_operator.desired.fingerprint import fingerprint
from pynomaly_operator.status.trigger import Asked, next_due, trigger

NIGHTLY = Schedule.model_validate({"cron": "0 3 * * *"})
CREATED = datetime(2026, 5, 1, 10, tzinfo=UTC)
ASKED = Asked("00000000-0000-4000-8000-000000000001", CREATED, None, NIGHTLY)
PLAIN = replace(ASKED, schedule=None)
SPEC = spec(MINIMAL)
DAY = timedelta(days=1)
CHANGES = st.sampled_from((ASKED, PLAIN, replace(ASKED, retrain="a"), replace(PLAIN, retrain="b")))


def _after(asked: Asked, before: TriggerStatus | None, now: datetime) -> TriggerStatus | None:
    return trigger(asked, before, now, reported=before is not None)


def test_nothing_asks_where_there_is_neither_annotation_nor_schedule() -> None:
    assert _after(PLAIN, None, CREATED) is None


def test_a_new_detectors_first_training_is_asked_for_by_nothing_and_the_next_by_the_tick() -> None:
    first = _after(ASKED, None, CREATED)
    assert fingerprint(SPEC, first) == fingerprint(SPEC)

    night = _after(ASKED, first, CREATED + DAY)

    assert night is not None
    assert night.tick == datetime(2026, 5, 2, 3, tzinfo=UTC)


def test_a_schedule_written_later_counts_from_then_and_so_does_a_changed_one() -> None:
    later = CREATED + 10 * DAY
    written = trigger(ASKED, None, later, reported=True)
    assert fingerprint(SPEC, written) == fingerprint(SPEC)
    night = _after(ASKED, written, later + DAY)
    hourly = replace(ASKED, schedule=Schedule.model_validate({"cron": "0 * * * *"}))

    changed = _after(hourly, night, later + DAY)

    assert changed is not None
    assert night is not None
    assert changed.tick == night.tick


def test_after_an_outage_the_last_tick_alone_counts() -> None:
    first = _after(ASKED, None, CREATED)

    found = _after(ASKED, first, CREATED + 30 * DAY)

    assert found is not None
    assert found.tick == datetime(2026, 5, 31, 3, tzinfo=UTC)


def test_a_status_that_was_lost_leads_to_the_same_fingerprint() -> None:
    now = CREATED + 5 * DAY
    known = _after(ASKED, _after(ASKED, None, CREATED), now)

    assert fingerprint(SPEC, trigger(ASKED, None, now, reported=False)) == fingerprint(SPEC, known)


def test_what_is_removed_takes_no_model_back() -> None:
    asked = replace(ASKED, retrain="again")
    before = _after(asked, _after(asked, None, CREATED), CREATED + DAY)

    after = _after(PLAIN, before, CREATED + 2 * DAY)

    assert fingerprint(SPEC, after) == fingerprint(SPEC, before)


def test_another_value_of_the_annotation_asks_anew_and_a_long_one_is_told_in_short() -> None:
    values = ["a", "b", "c" * 64, "c" * 65, "c" * 100_000]
    found = [_after(replace(PLAIN, retrain=value), None, CREATED) for value in values]

    assert len({fingerprint(SPEC, asked) for asked in found}) == len(values)
    assert all(asked is not None and len(asked.retrain or "") <= 64 for asked in found)
    assert _after(replace(PLAIN, retrain=""), None, CREATED) is None


@given(st.lists(st.tuples(CHANGES, st.integers(-3600, 3600 * 40)), max_size=12))
def test_the_tick_never_goes_back_though_clocks_differ_by_an_hour(steps: list[tuple[Asked, int]]) -> None:
    now, before = CREATED, None
    for asked, seconds in steps:
        now += timedelta(seconds=seconds)
        after = _after(asked, before, now)
        if before is not None and before.tick is not None:
            assert after is not None
            assert after.tick is not None
            assert after.tick >= before.tick
            assert after.tick <= max(before.tick, now)
        before = after


@given(st.integers(0, 40 * 86400))
def test_looking_again_at_once_changes_nothing(seconds: int) -> None:
    now = CREATED + timedelta(seconds=seconds)
    first = _after(ASKED, None, now)

    assert _after(ASKED, first, now) == first


def test_a_clock_that_was_a_year_ahead_keeps_no_schedule_from_its_ticks() -> None:
    before = _after(ASKED, _after(ASKED, None, CREATED), CREATED + 365 * DAY)

    after = _after(ASKED, before, CREATED + 2 * DAY)

    assert after is not None
    assert after.tick == datetime(2026, 5, 3, 3, tzinfo=UTC)


@given(st.integers(0, 2 * 86400))
def test_a_pass_at_the_time_that_is_due_next_finds_the_tick_and_one_before_does_not(seconds: int) -> None:
    now = CREATED + timedelta(seconds=seconds)
    before = _after(ASKED, None, now)
    due = next_due(ASKED, now)
    assert due is not None

    early, late = (_after(ASKED, before, moment) for moment in (due - timedelta(milliseconds=1), due))

    assert early == before
    assert late != before
    assert now < due <= now + DAY
