import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inference.registry.harness import (
    NAMESPACE,
    OPERATOR,
    UID,
    Clock,
    Reviewer,
)

from pynomaly_inference.registry.auth import Access, Authenticator, Review, ReviewerUnavailable, may
from pynomaly_inference.registry.contract import AUDIENCE, DetectorKey

DETECTOR = DetectorKey(namespace=NAMESPACE, uid=UID)


@given(username=st.text(max_size=80))
def test_a_user_who_is_no_service_account_may_do_nothing(username: str) -> None:
    assert not may(username, Access.READ, DETECTOR, OPERATOR)
    assert not may(username, Access.PUBLISH, DETECTOR, OPERATOR)


class Asking:
    """An authenticator on a clock that the test moves."""

    def __init__(self) -> None:
        self.reviewer, self.clock = Reviewer(), Clock()
        self.authenticator = Authenticator(self.reviewer, AUDIENCE, self.clock)

    def ask(self, *tokens: str) -> list[str | None]:
        async def all_at_once() -> list[str | None]:
            return list(await asyncio.gather(*map(self.authenticator.username, tokens)))

        return asyncio.run(all_at_once())


def test_an_accepted_token_is_believed_for_sixty_seconds_and_no_longer() -> None:
    asking = Asking()
    token = asking.reviewer.issue("a:b")
    asking.ask(token)
    del asking.reviewer.issued[token]
    asking.clock.seconds += 59.9
    assert asking.ask(token) == ["system:serviceaccount:a:b"]
    assert len(asking.reviewer.asked) == 1
    asking.clock.seconds += 0.1
    assert asking.ask(token) == [None]
    assert len(asking.reviewer.asked) == 2


def test_asking_again_within_that_time_does_not_prolong_it() -> None:
    asking = Asking()
    token = asking.reviewer.issue("a:b")
    for _ in range(4):
        asking.ask(token)
        asking.clock.seconds += 20
    assert len(asking.reviewer.asked) == 2


def test_a_refused_token_is_asked_about_again_after_five_seconds() -> None:
    asking = Asking()
    assert asking.ask("early") == [None]
    asking.reviewer.issued["early"] = Review(True, "system:serviceaccount:a:b", (AUDIENCE,))
    asking.clock.seconds += 4.9
    assert asking.ask("early") == [None]
    asking.clock.seconds += 0.1
    assert asking.ask("early") == ["system:serviceaccount:a:b"]


def test_an_outage_is_not_remembered() -> None:
    asking = Asking()
    token = asking.reviewer.issue("a:b")
    asking.reviewer.outage = True
    with pytest.raises(ReviewerUnavailable):
        asking.ask(token)
    asking.reviewer.outage = False
    assert asking.ask(token) == ["system:serviceaccount:a:b"]


def test_a_token_that_was_accepted_stays_accepted_through_an_outage_of_a_minute() -> None:
    asking = Asking()
    token = asking.reviewer.issue("a:b")
    asking.ask(token)
    asking.reviewer.outage = True
    asking.clock.seconds += 59
    assert asking.ask(token) == ["system:serviceaccount:a:b"]
    asking.clock.seconds += 1
    with pytest.raises(ReviewerUnavailable):
        asking.ask(token)


def test_one_token_never_answers_for_another() -> None:
    asking = Asking()
    tokens = [asking.reviewer.issue(f"a:{number}") for number in range(50)]
    assert asking.ask(*tokens) == [f"system:serviceaccount:a:{number}" for number in range(50)]


def test_a_token_of_absurd_length_is_refused_without_asking() -> None:
    asking = Asking()
    assert asking.ask("x" * 20_000, "") == [None, None]
    assert asking.reviewer.asked == []


def test_an_authenticated_user_without_a_name_is_nobody() -> None:
    asking = Asking()
    asking.reviewer.issued["odd"] = Review(True, "", (AUDIENCE,))
    assert asking.ask("odd") == [None]
