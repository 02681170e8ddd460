from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.ticks import LONGEST_DELAY, check, delay, last_tick, next_tick
from pynomaly_operator.api.v1alpha1 import Schedule

BERLIN = "Europe/Berlin"
EXPRESSIONS = ("0 3 * * *", "30 2 * * *", "45 2 * * SUN", "*/20 * * * *", "15 */2 * * *", "0 0 1 * *", "5 2,3 * * *")
ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
MOMENTS = st.integers(0, 10 * 365 * 86400).map(
    lambda after: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=after)
)
# Two hours around the ends of summer time, where local times come twice or not at all.
SWITCHES = st.sampled_from((datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)))
NEAR = st.builds(lambda moment, seconds: moment + timedelta(seconds=seconds), SWITCHES, st.integers(-7200, 7200))


def _schedule(cron: str, zone: str | None = None) -> Schedule:
    return Schedule.model_validate({"cron": cron, "timeZone": zone})


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS | NEAR)
def test_between_the_last_tick_and_the_next_there_is_none(cron: str, zone: str, now: datetime) -> None:
    schedule = _schedule(cron, zone)
    last, following = last_tick(schedule, now), next_tick(schedule, now)

    assert last is not None
    assert following is not None
    assert last <= now < following
    assert next_tick(schedule, last) == following
    assert last_tick(schedule, last) == last
    assert last_tick(schedule, following) == following


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), MOMENTS | NEAR, st.integers(0, 7200))
def test_time_that_goes_on_takes_no_tick_back(cron: str, zone: str, now: datetime, seconds: int) -> None:
    earlier, later = (last_tick(_schedule(cron, zone), moment) for moment in (now, now + timedelta(seconds=seconds)))

    assert earlier is not None
    assert later is not None
    assert earlier <= later


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2026-03-28", ["2026-03-28T01:30:00+00:00"]),
        ("2026-03-29", ["2026-03-29T01:00:00+00:00"]),  # 02:30 is skipped: at 03:00, as the clock goes forward
        ("2026-10-25", ["2026-10-25T00:30:00+00:00"]),  # 02:30 comes twice: the first time alone
        ("2026-10-26", ["2026-10-26T01:30:00+00:00"]),
    ],
)
def test_a_local_time_is_due_once_a_day_whatever_summer_time_does(day: str, due: list[str]) -> None:
    schedule, start = _schedule("30 2 * * *", BERLIN), datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(BERLIN))
    found, end = [], (start + timedelta(days=1)).astimezone(UTC)
    tick = next_tick(schedule, start - timedelta(seconds=1))
    while tick is not None and tick < end:
        found.append(tick.isoformat())
        tick = next_tick(schedule, tick)

    assert found == due


def test_each_detector_has_its_own_delay_of_less_than_a_minute() -> None:
    delays = [delay(f"{number:032x}") for number in range(200)]

    assert all(timedelta(0) <= found < LONGEST_DELAY for found in delays)
    assert len(set(delays)) == 200
    assert max(delays) - min(delays) > LONGEST_DELAY * 0.9


@pytest.mark.parametrize(
    ("cron", "zone", "words"),
    [
        ("0 25 * * *", None, "bad hour"),
        ("61 * * * *", None, "bad minute"),
        ("0 0 30 2 *", None, "bad day-of-month"),
        ("0 0 31 2 1-0", None, "bad day-of-week"),
        ("0 3 * * *", "Europe", "timeZone: `Europe`"),
        ("0 3 * * *", "Mars/Olympus", "timeZone: `Mars/Olympus`"),
    ],
)
def test_a_schedule_that_cannot_be_read_names_its_field(cron: str, zone: str | None, words: str) -> None:
    with pytest.raises(ResourceInvalid, match=r"spec\.training\.schedule") as raised:
        check(_schedule(cron, zone))

    assert words in str(raised.value)


@pytest.mark.parametrize("cron", ["* * * *", "* * * * * *", "@daily", "0 3 * * *\n", "0 3 * * * ; rm"])
def test_an_expression_has_five_fields(cron: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        _schedule(cron)
