"""The election against a server that keeps a Lease as the API server does, on a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from kubernetes_asyncio import client

from pynomaly_operator.errors import ApiError
from pynomaly_operator.fence import NotLeading, seconds_for
from pynomaly_operator.kube import Credentials, Kube, Limits, Request
from pynomaly_operator.leadership import Candidate, Leadership
from pynomaly_operator.metrics import Metrics

COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/system/leases"
WRITE = Request("DELETE", "/api/v1/namespaces/a/services/b")


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class LeaseServer:
    """One Lease, optimistically locked; and a connection that can be lost."""

    lease: dict[str, Any] | None = None
    version: int = 0
    down: bool = False
    writes: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None
    """Every answer waits for it."""

    async def answer(self, request: web.Request) -> web.Response:
        if self.down:
            return web.json_response({"message": "down"}, status=503)
        if self.held is not None:
            await self.held.wait()
        if not request.path.startswith(COLLECTION):
            self.writes.append(request.method)
            return web.json_response({})
        if request.method != "GET":
            return self._written(request.method, await request.json())
        if self.lease is None:
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response(self.lease)

    def edit(self, **spec: Any) -> None:
        assert self.lease is not None
        self._keep({**self.lease, "spec": {**self.lease["spec"], **spec}})

    def _written(self, method: str, body: dict[str, Any]) -> web.Response:
        known = None if self.lease is None else self.lease["metadata"]["resourceVersion"]
        if method == "POST" and known is not None:
            return web.json_response({"message": "exists"}, status=409)
        if method == "PUT" and body["metadata"]["resourceVersion"] != known:
            return web.json_response({"message": "modified"}, status=409)
        self._keep(body)
        return web.json_response(self.lease)

    def _keep(self, body: dict[str, Any]) -> None:
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}


@dataclass
class Election:
    """A Lease and one candidate by each name, all with the same clock."""

    server: LeaseServer
    clock: Clock
    credentials: Credentials
    kube: Kube

    def candidate(self, name: str, clock: Clock | None = None) -> Leadership:
        return Leadership(self.kube, Candidate("system", "operator", name), clock=clock or self.clock)


def test_the_first_leads_and_renews_and_a_second_waits() -> None:
    async def scenario(election: Election) -> None:
        first, second = election.candidate("first"), election.candidate("second")

        for _ in range(20):
            assert await first.attempt()
            assert not await second.attempt()
            election.clock.seconds += 2

        assert first.leading
        assert not second.leading
        assert election.server.lease is not None
        assert election.server.lease["spec"]["holderIdentity"] == "first"
        assert election.server.lease["spec"]["leaseTransitions"] == 0

    _run(scenario)


def test_the_leader_believes_in_it_for_less_time_than_others_respect_it() -> None:
    async def scenario(election: Election) -> None:
        first, second = election.candidate("first"), election.candidate("second")
        assert await first.attempt()
        assert not await second.attempt()

        election.clock.seconds += 9.9
        assert first.leading
        election.clock.seconds += 0.2
        assert not first.leading
        assert not await second.attempt()
        election.clock.seconds += 5
        assert await second.attempt()
        assert second.leading

    _run(scenario)


@pytest.mark.parametrize("hours", [-1, 1])
def test_clocks_that_are_an_hour_apart_make_no_difference(hours: int) -> None:
    async def scenario(election: Election) -> None:
        election.server.lease = None
        first = election.candidate("first")
        second = election.candidate("second", other := Clock(election.clock.seconds + 3600 * hours))
        assert await first.attempt()
        election.server.edit(renewTime=f"2020-01-01T{12 + hours}:00:00.000000Z")
        assert not await second.attempt()

        other.seconds += 14.9
        assert not await second.attempt()
        other.seconds += 0.2
        assert await second.attempt()

    _run(scenario)


def test_any_change_of_the_lease_is_a_sign_of_life() -> None:
    async def scenario(election: Election) -> None:
        assert await election.candidate("first").attempt()
        second = election.candidate("second")
        for _ in range(5):
            assert not await second.attempt()
            election.clock.seconds += 14
            election.server.edit(renewTime="2020-01-01T00:00:00.000000Z")

        assert not await second.attempt()

    _run(scenario)


def test_who_releases_leads_no_longer_and_is_followed_at_once() -> None:
    async def scenario(election: Election) -> None:
        first, second = election.candidate("first"), election.candidate("second")
        assert await first.attempt()

        await first.release()

        assert not first.leading
        assert await second.attempt()
        assert election.server.lease is not None
        assert election.server.lease["spec"]["leaseTransitions"] == 1

    _run(scenario)


def test_one_who_does_not_lead_releases_nothing() -> None:
    async def scenario(election: Election) -> None:
        assert await election.candidate("first").attempt()
        version = election.server.version

        await election.candidate("second").release()

        assert election.server.version == version

    _run(scenario)


def test_of_two_that_try_at_the_same_time_one_leads() -> None:
    async def scenario(election: Election) -> None:
        for _ in range(20):
            election.server.lease = None
            candidates = [election.candidate(name) for name in "abcd"]
            won = await asyncio.gather(*(candidate.attempt() for candidate in candidates))
            assert sum(won) == 1
            assert sum(candidate.leading for candidate in candidates) == 1

    _run(scenario)


def test_a_leader_that_sees_another_in_the_lease_stops_at_once() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        assert await first.attempt()
        election.server.edit(holderIdentity="second")

        assert not await first.attempt()

        assert not first.leading

    _run(scenario)


def test_without_answers_the_leader_ends_at_its_deadline() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        assert await first.attempt()
        election.server.down = True
        election.clock.seconds += 9
        assert not await first.attempt()
        assert first.leading
        election.clock.seconds += 1.1

        async with asyncio.timeout(5):
            await first.keep()
        assert first.unanswered > 10

    _run(scenario)


def test_the_time_that_a_renewal_takes_counts_against_the_leader() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        election.server.held = asyncio.Event()
        attempt = asyncio.create_task(first.attempt())
        await asyncio.sleep(0.05)  # the request is under way
        election.clock.seconds += 30
        election.server.held.set()

        assert await attempt, "the Lease was got"
        assert not first.leading, "30 s ago"

    _run(scenario)


def test_no_write_is_sent_by_one_who_does_not_lead_and_reads_are() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        async with _fenced(election, first) as kube:
            with pytest.raises(NotLeading):
                await kube.send(WRITE)
            await kube.send(Request("GET", "/version"))
            assert await first.attempt()
            await kube.send(WRITE)
            election.clock.seconds += 10
            with pytest.raises(NotLeading):
                await kube.send(WRITE)

        assert election.server.writes == ["GET", "DELETE"]

    _run(scenario)


def test_a_write_that_waited_for_a_connection_while_the_leadership_went_is_not_sent() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        assert await first.attempt()
        async with _fenced(election, first) as kube:
            election.server.held = asyncio.Event()
            occupying = asyncio.create_task(kube.send(Request("GET", "/version")))
            await asyncio.sleep(0.05)  # it has the only connection
            waiting = asyncio.create_task(kube.send(WRITE))
            await asyncio.sleep(0.05)  # it waits for it
            election.clock.seconds += 30
            election.server.held.set()
            await occupying

            with pytest.raises(NotLeading):
                await waiting
        assert election.server.writes == ["GET"]

    _run(scenario)


def test_a_write_may_take_no_longer_than_the_leadership_lasts() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        assert await first.attempt()
        election.clock.seconds += 9.8
        async with _fenced(election, first) as kube:
            election.server.held = asyncio.Event()
            started = asyncio.get_running_loop().time()
            with pytest.raises(ApiError, match="does not answer"):
                await kube.send(WRITE)
            assert asyncio.get_running_loop().time() - started < 5
            election.server.held.set()
        assert seconds_for(first, "GET", 30) == 30

    _run(scenario)


@asynccontextmanager
async def _fenced(election: Election, fence: Leadership) -> AsyncIterator[Kube]:
    """A client with one connection to the same server."""
    fenced = Kube(election.credentials, Metrics(), fence, Limits(connections=1))
    try:
        yield fenced
    finally:
        await fenced.close()


def _run(scenario: Callable[[Election], Awaitable[None]]) -> None:
    async def run() -> None:
        server = LeaseServer()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        credentials = Credentials(client.Configuration(host=url))
        kube = Kube(credentials, Metrics())
        try:
            await scenario(Election(server, Clock(), credentials, kube))
        finally:
            await kube.close()
            await runner.cleanup()

    asyncio.run(run())
