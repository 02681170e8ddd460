"""How often each caller may ask, and who counts as one."""

import json
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from pynomaly_inference.server.access.caller import Refused
from pynomaly_inference.server.access.client_address import client_address
from pynomaly_inference.server.access.rate_limit import RateLimiter
from pynomaly_inference.server.settings import ServerSettings

ROWS = {"rows": [[1, 2]]}
SLOW = 3
"""A minute's requests where a test must not wait for the next to be allowed."""


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(limiter: RateLimiter, times: int, name: str = "ada") -> int:
    return sum(limiter.take(name) for _ in range(times))


def test_twenty_may_come_at_once_and_ten_a_second_go_on(clock: Clock) -> None:
    limiter = RateLimiter(600, clock)
    assert taken(limiter, 100) == 20

    for seconds, allowed in (
        (0.099, 0),
        (0.001, 1),
        (0.05, 0),
        (0.05, 1),
        (1.0, 10),
        (1.5, 15),
        (2.0, 20),
        (3600.0, 20),
    ):
        clock.now += seconds
        assert taken(limiter, 100) == allowed, seconds


@pytest.mark.parametrize(("per_minute", "burst"), [(1, 1), (7, 7), (60, 20), (600, 20), (6000, 200), (600_000, 20_000)])
def test_a_burst_is_two_seconds_of_a_high_rate_and_a_minute_of_a_low_one(
    clock: Clock, per_minute: int, burst: int
) -> None:
    limiter = RateLimiter(per_minute, clock)

    assert taken(limiter, burst + 5) == burst
    clock.now += 60 / per_minute
    assert taken(limiter, 5) == 1


@given(
    per_minute=st.integers(1, 5000),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_whatever_the_pauses_no_more_is_allowed_than_the_rate_and_one_burst(
    per_minute: int, pauses: list[float]
) -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute, clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        allowed += taken(limiter, 3)

    elapsed = clock.now - 1000.0
    assert allowed <= limiter.burst + elapsed * per_minute / 60 + 1e-3
    assert allowed >= min(3 * len(pauses), limiter.burst)


def test_callers_do_not_share_and_those_who_are_gone_are_forgotten(clock: Clock) -> None:
    limiter = RateLimiter(600, clock)
    assert [taken(limiter, 30, name) for name in ("ada", "bob")] == [20, 20]

    for _ in range(10):
        for number in range(1000):
            limiter.take(f"{clock.now}-{number}")
        clock.now += 2
    assert len(limiter._due) + len(limiter._due_before) <= 2000  # noqa: SLF001 - memory is what the test is about


def test_a_refusal_says_how_long_to_wait_and_refuses_no_longer(clock: Clock) -> None:
    limiter = RateLimiter(SLOW, clock)
    assert dict(limiter.headers("ada")) == {
        b"ratelimit-policy": b'"default";q=3;w=60', b"ratelimit": b'"default";r=3;t=0'
    }  # fmt: skip
    taken(limiter, 3)

    with pytest.raises(Refused, match="more than 3 requests a minute: wait 20 s") as refused:
        limiter.check("ada")

    assert dict(refused.value.headers) == {
        b"ratelimit-policy": b'"default";q=3;w=60', b"ratelimit": b'"default";r=0;t=60', b"retry-after": b"20"
    }  # fmt: skip
    clock.now += 20
    limiter.check("ada")
    assert taken(limiter, 2) == 1


PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.2.2.2", "198.51.100.7"),
        ("10.0.0.1", "10.3.3.3,10.2.2.2", "10.3.3.3"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("fd00::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "198.51.100.7", "2001:db8:1:2::/64"),
    ],
)
def test_only_a_trusted_proxy_tells_another_address(peer: str, forwarded: str, told: str) -> None:
    assert client_address(peer, {b"x-forwarded-for": forwarded.encode()}, PROXIES) == told


def test_without_trusted_proxies_the_header_says_nothing() -> None:
    assert client_address("10.0.0.1", {b"x-forwarded-for": b"198.51.100.7"}, ()) == "10.0.0.1"


@given(st.binary(max_size=300))
def test_no_header_breaks_the_reading_of_addresses(forwarded: bytes) -> None:
    assert client_address("10.0.0.1", {b"x-forwarded-for": forwarded}, PROXIES)


@pytest.fixture
def keyed(tmp_path: Path, table: Any, running: Any, variant: Any) -> Iterator[httpx.Client]:
    """A server with two keys, each of which may ask thrice a minute."""
    (tmp_path / "keys").write_text("first\nsecond\n")
    settings = ServerSettings(keys=tmp_path / "keys", requests_per_minute=SLOW)
    with running(table(variant()), settings) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/score", ROWS),
        ("/v1/score?explain=true", ROWS),
        ("/v2/models/plant/infer", {"inputs": [{"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}),
    ],
)
def test_one_request_too_many_is_answered_429_and_others_are_not_held_up(
    keyed: httpx.Client, path: str, body: Any
) -> None:
    def answer(key: str) -> httpx.Response:
        return keyed.post(path, json=body, headers={"x-api-key": key})

    allowed = [answer("first") for _ in range(SLOW)]
    refused = answer("first")

    assert [each.status_code for each in allowed] == [200] * SLOW
    assert [each.headers["ratelimit"].split(";")[1] for each in allowed] == ["r=2", "r=1", "r=0"]
    assert {each.headers["ratelimit-policy"] for each in (*allowed, refused)} == {'"default";q=3;w=60'}
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert "more than 3 requests a minute: wait" in refused.text
    assert answer("second").status_code == 200


def test_attempts_without_a_valid_key_are_limited_and_do_not_hold_up_those_with_one(keyed: httpx.Client) -> None:
    guesses = [keyed.post("/v1/score", json=ROWS, headers={"x-api-key": str(n)}).status_code for n in range(5)]

    assert guesses == [401, 401, 401, 429, 429]
    assert keyed.post("/v1/score", json=ROWS, headers={"x-api-key": "first"}).status_code == 200
    assert keyed.get("/health").status_code == 200


def test_who_needs_no_key_is_limited_by_address(table: Any, running: Any, variant: Any) -> None:
    settings = ServerSettings(requests_per_minute=SLOW, trusted_proxies=(ip_network("127.0.0.0/8"),))
    with running(table(variant()), settings) as client:

        def statuses(address: str) -> list[int]:
            headers = {"x-forwarded-for": f"spoofed, {address}"}
            return [client.post("/v1/score", json=ROWS, headers=headers).status_code for _ in range(4)]

        assert statuses("198.51.100.7") == [200, 200, 200, 429]
        assert statuses("198.51.100.8") == [200, 200, 200, 429]
        assert client.get("/v1/card", headers={"x-forwarded-for": "198.51.100.7"}).status_code == 429


def test_each_message_of_a_websocket_counts(keyed: httpx.Client) -> None:
    url = str(keyed.base_url.join("/v1/stream")).replace("http", "ws")
    with connect(url, additional_headers={"x-api-key": "first"}) as socket:
        answers = []
        for _ in range(5):
            socket.send(json.dumps(ROWS))
            answers.append(json.loads(socket.recv(5)))

    assert [answer.get("status", 200) for answer in answers] == [200, 200, 200, 429, 429]


def test_without_a_limit_nothing_is_said_of_one(client: httpx.Client) -> None:
    answers = [client.post("/v1/score", json=ROWS) for _ in range(40)]

    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in answer.headers for answer in answers)
