import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inference.registry.harness import (
    NAMESPACE,
    OPERATOR,
    OTHER_UID,
    UID,
    Client,
    Clock,
    Reviewer,
    Running,
    fingerprint,
    upload_headers,
)

from pynomaly_inference.registry.auth import Access, Authenticator, Review, ReviewerUnavailable, may
from pynomaly_inference.registry.contract import AUDIENCE, DetectorKey

DETECTOR = DetectorKey(namespace=NAMESPACE, uid=UID)
A = fingerprint("a")


@pytest.mark.parametrize(
    ("account", "reads", "publishes"),
    [
        (f"{NAMESPACE}:ad-{UID}-train", True, True),
        (f"{NAMESPACE}:ad-{UID}-serve", True, False),
        (OPERATOR, True, False),
        (f"plant-b:ad-{UID}-train", False, False),
        (f"plant-b:ad-{UID}-serve", False, False),
        (f"{NAMESPACE}:ad-{OTHER_UID}-train", False, False),
        (f"{NAMESPACE}:ad-{OTHER_UID}-serve", False, False),
        (f"{NAMESPACE}:ad-{UID}", False, False),
        (f"{NAMESPACE}:ad-{UID}-train-2", False, False),
        (f"{NAMESPACE}:default", False, False),
        (f"{NAMESPACE}:operator", False, False),
        ("pynomaly:default", False, False),
    ],
)
def test_a_service_account_may_do_what_its_name_says(
    shared: Running, account: str, reads: bool, publishes: bool
) -> None:
    with shared.client(account) as client:
        assert client.detector("/versions").status_code == (200 if reads else 403)
        assert client.detector(f"/fingerprints/{A}").status_code == (404 if reads else 403)
        assert client.detector(f"/models/{A}").status_code == (404 if reads else 403)
        # An empty body is refused only of those who may publish.
        assert client.upload(A, b"").status_code == (400 if publishes else 403)


@given(username=st.text(max_size=80))
def test_a_user_who_is_no_service_account_may_do_nothing(username: str) -> None:
    assert not may(username, Access.READ, DETECTOR, OPERATOR)
    assert not may(username, Access.PUBLISH, DETECTOR, OPERATOR)


def test_an_account_of_another_namespace_that_took_a_foreign_uid_stays_in_its_own_namespace(registry: Running) -> None:
    with registry.trainer() as owner, registry.trainer(namespace="plant-b") as thief:
        owner.upload(A, b"model")
        there = f"/v1/detectors/plant-b/{UID}"
        assert thief.get(f"{there}/versions").json() == {"versions": []}
        assert thief.get(f"{there}/fingerprints/{A}").status_code == 404
        assert thief.detector("/versions").status_code == 403
        assert thief.upload(A, b"poison").status_code == 403


def test_an_account_that_takes_a_uid_first_does_not_stand_in_its_owners_way(registry: Running) -> None:
    with registry.trainer() as owner, registry.trainer(namespace="plant-b") as thief:
        taken = thief.put(f"/v1/detectors/plant-b/{UID}/fingerprints/{A}", content=b"x", headers=upload_headers(b"x"))
        assert taken.status_code == 201
        assert owner.detector("/versions").json() == {"versions": []}
        made = owner.upload(A, b"model").json()
        assert made["version"] == 1
        assert made["size"] == 5


@pytest.mark.parametrize("value", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Bearer unknown"])
def test_without_a_valid_token_it_is_401(shared: Running, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    answer = httpx.get(f"{shared.url}/v1/detectors/{NAMESPACE}/{UID}/versions", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stranger_learns_nothing_of_which_paths_are_valid(shared: Running) -> None:
    with Client(shared.url, "unknown") as stranger:
        assert stranger.get("/v1/detectors/NOT/VALID/versions").status_code == 401


def test_a_token_for_another_audience_is_401(shared: Running) -> None:
    token = shared.reviewer.issue(f"{NAMESPACE}:ad-{UID}-train", "https://kubernetes.default.svc")
    with Client(shared.url, token) as client:
        answer = client.detector("/versions")
    assert answer.status_code == 401
    assert AUDIENCE in answer.json()["detail"]


def test_when_kubernetes_cannot_be_asked_nobody_gets_in(registry: Running) -> None:
    with registry.trainer() as trainer:
        registry.reviewer.outage = True
        answer = trainer.upload(A, b"model")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        registry.reviewer.outage = False
        assert trainer.upload(A, b"model").status_code == 201


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
