from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_operator.notification import Notification, attempts, due

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
CONTENT, OTHER = "ab" * 8, "cd" * 8


def test_a_pod_that_was_told_nothing_or_something_else_is_told_now() -> None:
    told = Notification(CONTENT, 1, NOW)

    assert due(None, CONTENT, NOW) == told
    assert due(Notification(OTHER, 9, NOW), CONTENT, NOW) == told


def test_a_pod_that_stays_behind_is_told_after_2_4_8_16_and_then_every_30_seconds() -> None:
    told, at = [0], NOW
    last = due(None, CONTENT, NOW)
    while len(told) < 8:
        at += timedelta(seconds=1)
        following = due(last, CONTENT, at)
        if following is not None:
            told.append(int((at - NOW).total_seconds()))
            last = following

    assert told == [0, 2, 6, 14, 30, 60, 90, 120]
    assert attempts(last, CONTENT) == 8
    assert attempts(last, OTHER) == 0


def test_each_notification_has_another_value_or_the_kubelet_would_see_no_change() -> None:
    first = due(None, CONTENT, NOW)
    second = due(first, CONTENT, NOW + timedelta(seconds=2))

    assert str(first) == "abababababababab/1/2026-05-01T12:00:00.000+00:00"
    assert str(second) == "abababababababab/2/2026-05-01T12:00:02.000+00:00"


def test_a_notification_from_the_future_does_not_silence_us() -> None:
    skewed = Notification(CONTENT, 3, NOW + timedelta(days=400))

    assert due(skewed, CONTENT, NOW) == Notification(CONTENT, 4, NOW)


@given(
    content=st.text("0123456789abcdef", min_size=1, max_size=64),
    attempt=st.integers(1, 999_999),
    sent=st.datetimes(timezones=st.just(timezone(timedelta(hours=2)))),
)
def test_what_is_written_is_read_again_to_the_millisecond(content: str, attempt: int, sent: datetime) -> None:
    sent = sent.replace(microsecond=sent.microsecond // 1000 * 1000)

    assert Notification.parse(str(Notification(content, attempt, sent))) == Notification(content, attempt, sent)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        CONTENT,
        f"{CONTENT}/0/2026-05-01T12:00:00+00:00",
        f"{CONTENT}/1/2026-05-01T12:00:00",
        f"{CONTENT}/1/noon",
        f"{CONTENT}/99999999999999999999/2026-05-01T12:00:00+00:00",
        "evil\n/1/2026-05-01T12:00:00+00:00",
    ],
)
def test_what_is_not_ours_says_nothing(text: str | None) -> None:
    assert Notification.parse(text) is None


@given(st.text(max_size=120))
def test_no_annotation_is_an_error(text: str) -> None:
    Notification.parse(text)
