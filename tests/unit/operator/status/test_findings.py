"""Messages as they are shown."""

from hypothesis import given
from hypothesis import strategies as st

from pynomaly_operator.api.status import LONGEST_MESSAGE
from pynomaly_operator.status.findings import shown


def test_a_short_message_is_shown_as_it_is() -> None:
    assert shown("列 `温度` is missing: name it") == "列 `温度` is missing: name it"


@given(st.text(min_size=1, max_size=20).map(lambda text: text * 1200))
def test_a_long_message_is_cut_to_the_bytes_that_a_status_may_have(message: str) -> None:
    found = shown(message).encode()

    assert len(found) <= LONGEST_MESSAGE


def test_a_message_that_is_cut_says_so_and_ends_with_a_whole_character() -> None:
    assert shown("温" * 1000) == "温" * 332 + "…"
