import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import (
    NAMESPACE,
    OTHER_UID,
    UID,
    Client,
    Running,
    fingerprint,
    running,
)

A, B = fingerprint("a"), fingerprint("b")
DAY = 86_400.0
NOBODY = "99999999-9999-4999-8999-999999999999"


def listed(version: int, *uids: str, **changes: Any) -> dict[str, Any]:
    whole = {"format": 1, "resourceVersion": str(version), "namespaces": None, "count": len(uids), "uids": list(uids)}
    return {**whole, **changes}


def tell(registry: Running, content: dict[str, Any]) -> httpx.Response:
    with registry.operator() as operator:
        return operator.put("/v1/living", json=content)


def counts(answer: httpx.Response) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["missing"], found["confirmed"], found["forgotten"]


@pytest.fixture
def filled(registry: Running) -> Running:
    """A registry with two models of one detector and one of another."""
    with registry.trainer() as one, registry.trainer(OTHER_UID) as other:
        one.upload(A, b"one")
        one.upload(B, b"two")
        other.upload(A, b"other", uid=OTHER_UID)
    return registry


@pytest.fixture
def few(store: Store) -> Iterator[Running]:
    """A registry that deletes two models a request."""
    with running(replace(store.settings, deletions=2)) as found:
        yield found


def versions(registry: Running, uid: str = UID) -> list[int]:
    with registry.server(uid) as server:
        return [version["version"] for version in server.detector("/versions", uid=uid).json()["versions"]]


def test_a_detector_that_two_lists_lack_seven_days_apart_is_forgotten_with_all_that_it_had(
    filled: Running, store: Store
) -> None:
    assert counts(tell(filled, listed(1, OTHER_UID))) == (1, 0, 0)
    filled.clock.seconds += 7 * DAY
    assert counts(tell(filled, listed(2, OTHER_UID))) == (0, 0, 1)
    assert versions(filled) == []
    assert versions(filled, OTHER_UID) == [1]
    assert store.sql("SELECT uid FROM detectors") == [(OTHER_UID,)]
    for table in ("versions", "artifacts", "chunks"):
        assert store.sql(f"SELECT count(*) FROM {table}") == [(1,)]  # noqa: S608 - names above
    assert store.sql("SELECT count(*) FROM missing_detectors") == [(0,)]


def test_a_second_before_the_seven_days_nothing_is_forgotten(filled: Running) -> None:
    tell(filled, listed(1, OTHER_UID))
    filled.clock.seconds += 7 * DAY - 1
    assert counts(tell(filled, listed(2, OTHER_UID))) == (1, 0, 0)
    assert versions(filled) == [2, 1]


def test_any_number_of_lists_within_seven_days_forgets_nothing(filled: Running) -> None:
    for version in range(1, 8):
        assert counts(tell(filled, listed(version, OTHER_UID))) == (1, 0, 0)
        filled.clock.seconds += DAY
    assert versions(filled) == [2, 1]
    assert counts(tell(filled, listed(9, OTHER_UID))) == (0, 0, 1)


def test_a_detector_that_appears_in_between_begins_anew(filled: Running) -> None:
    tell(filled, listed(1, OTHER_UID))
    filled.clock.seconds += 6 * DAY
    assert counts(tell(filled, listed(2, OTHER_UID, UID))) == (0, 0, 0)
    filled.clock.seconds += DAY
    assert counts(tell(filled, listed(3, OTHER_UID))) == (1, 0, 0)
    filled.clock.seconds += 6 * DAY
    assert counts(tell(filled, listed(4, OTHER_UID))) == (1, 0, 0)
    assert versions(filled) == [2, 1]
    filled.clock.seconds += DAY
    assert counts(tell(filled, listed(5, OTHER_UID))) == (0, 0, 1)


def test_an_empty_list_is_refused_and_neither_marks_nor_confirms(filled: Running) -> None:
    assert tell(filled, listed(1)).status_code == 422
    filled.clock.seconds += 8 * DAY
    assert counts(tell(filled, listed(2, OTHER_UID))) == (1, 0, 0)
    filled.clock.seconds += 8 * DAY
    refused = tell(filled, listed(3))
    assert refused.status_code == 422
    assert "uids" in refused.json()["detail"]
    assert versions(filled) == [2, 1]


def test_the_same_list_again_is_no_second_one(filled: Running) -> None:
    tell(filled, listed(1, OTHER_UID))
    filled.clock.seconds += 8 * DAY
    assert counts(tell(filled, listed(1, OTHER_UID))) == (1, 0, 0)
    assert versions(filled) == [2, 1]


def test_a_list_from_an_earlier_moment_makes_every_count_begin_anew(filled: Running) -> None:
    tell(filled, listed(100, OTHER_UID))
    filled.clock.seconds += 8 * DAY
    assert counts(tell(filled, listed(99, OTHER_UID))) == (1, 0, 0)
    filled.clock.seconds += 6 * DAY
    assert counts(tell(filled, listed(101, OTHER_UID))) == (1, 0, 0)
    assert versions(filled) == [2, 1]


def test_versions_of_a_resource_are_compared_as_numbers(filled: Running) -> None:
    tell(filled, listed(9, OTHER_UID))
    filled.clock.seconds += 8 * DAY
    assert counts(tell(filled, listed(10, OTHER_UID))) == (0, 0, 1)


def test_a_list_of_some_namespaces_says_nothing_of_others(filled: Running) -> None:
    elsewhere = {"namespaces": ["plant-b"]}
    tell(filled, listed(1, NOBODY, **elsewhere))
    filled.clock.seconds += 8 * DAY
    assert counts(tell(filled, listed(2, NOBODY, **elsewhere))) == (0, 0, 0)
    assert versions(filled) == [2, 1]
    assert counts(tell(filled, listed(3, NOBODY, namespaces=["plant-b", NAMESPACE]))) == (2, 0, 0)


def test_a_forgotten_detector_that_publishes_again_is_a_new_one(filled: Running) -> None:
    tell(filled, listed(1, OTHER_UID))
    filled.clock.seconds += 7 * DAY
    tell(filled, listed(2, OTHER_UID))
    with filled.trainer() as trainer:
        assert trainer.upload(B, b"anew").json()["version"] == 1
    filled.clock.seconds += DAY
    assert counts(tell(filled, listed(3, OTHER_UID))) == (1, 0, 0)


def test_a_detector_of_many_models_goes_over_several_requests_and_keeps_what_is_left_when_it_comes_back(
    few: Running, store: Store
) -> None:
    with few.trainer() as trainer:
        for number in range(5):
            trainer.upload(fingerprint(str(number)), b"%d" % number)
    tell(few, listed(1, NOBODY))
    few.clock.seconds += 7 * DAY
    assert counts(tell(few, listed(2, NOBODY))) == (1, 1, 0)
    assert versions(few) == [5, 4, 3]
    assert counts(tell(few, listed(2, NOBODY))) == (1, 1, 0)
    # It has come back: what is left of it stays, and its numbers go on.
    assert counts(tell(few, listed(3, UID))) == (0, 0, 0)
    assert versions(few) == [5]
    with few.trainer() as trainer:
        assert trainer.upload(A, b"next").json()["version"] == 6
        for version in trainer.detector("/versions").json()["versions"]:
            assert len(trainer.detector(f"/models/{version['digest']}").content) == version["size"]
    few.clock.seconds += 7 * DAY
    assert counts(tell(few, listed(4, NOBODY))) == (1, 0, 0)
    few.clock.seconds += 7 * DAY
    assert counts(tell(few, listed(5, NOBODY))) == (1, 1, 0)
    assert counts(tell(few, listed(5, NOBODY))) == (0, 0, 1)
    assert store.sql("SELECT count(*) FROM chunks") == [(0,)]


def test_what_was_confirmed_outlives_a_restart(store: Store) -> None:
    with running(store.settings) as first:
        with first.trainer() as trainer:
            trainer.upload(A, b"model")
        tell(first, listed(1, NOBODY))
        later = first.clock.seconds + 7 * DAY
    with running(store.settings) as second:
        second.clock.seconds = later
        assert counts(tell(second, listed(2, NOBODY))) == (0, 0, 1)


def test_a_thousand_detectors_are_missed_and_forgotten(registry: Running, store: Store) -> None:
    uids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(1200)]
    rows = ", ".join(f"('{NAMESPACE}', '{uid}', 0)" for uid in uids)
    store.sql(f"INSERT INTO detectors (namespace, uid, last_version) VALUES {rows}")  # noqa: S608 - numbers above
    assert counts(tell(registry, listed(1, *uids[:1]))) == (1199, 0, 0)
    registry.clock.seconds += 7 * DAY
    assert counts(tell(registry, listed(2, *uids[:600]))) == (500, 500, 100)
    assert store.sql("SELECT count(*) FROM detectors") == [(1100,)]


@pytest.mark.parametrize(
    "account",
    [f"{NAMESPACE}:ad-{UID}-train", f"{NAMESPACE}:ad-{UID}-serve", "pynomaly:default", f"{NAMESPACE}:operator"],
)
def test_only_the_operator_may_say_who_lives(shared: Running, account: str) -> None:
    with shared.client(account) as client:
        assert client.put("/v1/living", json=listed(1, NOBODY)).status_code == 403


def test_without_a_token_nobody_is_heard(shared: Running) -> None:
    with Client(shared.url, "unknown") as stranger:
        assert stranger.put("/v1/living", json=listed(1, NOBODY)).status_code == 401


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"[]", 422), (b"{", 422), (b'{"uids": null}', 422), (b"x" * 13_000_000, 413)],
)
def test_what_is_no_list_is_refused(shared: Running, content: bytes, status: int) -> None:
    with shared.operator() as operator:
        answer = operator.put("/v1/living", content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_metrics_tell_what_is_missing_and_what_was_forgotten(filled: Running) -> None:
    def shown(name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", httpx.get(f"{filled.url}/metrics").text, re.MULTILINE)
        assert found is not None
        return float(found[1])

    tell(filled, listed(1, OTHER_UID))
    assert shown("pynomaly_registry_missing_detectors") == 1
    assert shown("pynomaly_registry_forgotten_detectors_total") == 0
    filled.clock.seconds += 7 * DAY
    tell(filled, listed(2, OTHER_UID))
    assert shown("pynomaly_registry_missing_detectors") == 0
    assert shown("pynomaly_registry_forgotten_detectors_total") == 1
    assert shown("pynomaly_registry_forgotten_bytes_total") == len(b"one") + len(b"two")


def test_the_log_tells_what_was_forgotten(filled: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "pynomaly_inference.registry")
    tell(filled, listed(1, OTHER_UID))
    filled.clock.seconds += 7 * DAY
    tell(filled, listed(2, OTHER_UID))
    assert f"forgot {NAMESPACE}/{UID}" in caplog.text
    assert caplog.text.count("deleted model ") == 2
