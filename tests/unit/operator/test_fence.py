"""Writes of one who does not lead are not sent, however late that is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.unit.operator.election import Election, run_election

from pynomaly_operator.errors import ApiError
from pynomaly_operator.fence import Fence, NotLeading, seconds_for
from pynomaly_operator.kube import Kube, Limits, Request
from pynomaly_operator.metrics import Metrics

WRITE = Request("DELETE", "/api/v1/namespaces/a/services/b")


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

    run_election(scenario)


def test_a_write_that_waited_for_a_connection_while_the_leadership_went_is_not_sent() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        assert await first.attempt()
        asking = Asking(first)
        async with _fenced(election, asking) as kube:
            election.server.held = asyncio.Event()
            election.server.asked.clear()
            occupying = asyncio.create_task(kube.send(Request("GET", "/version")))
            await election.server.asked.wait()  # it has the only connection
            waiting = asyncio.create_task(kube.send(WRITE))
            await asking.asked.wait()  # it was let through, and waits for the connection
            election.clock.seconds += 30
            election.server.held.set()
            await occupying

            with pytest.raises(NotLeading):
                await waiting
        assert election.server.writes == ["GET"]

    run_election(scenario)


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

    run_election(scenario)


@dataclass
class Asking:
    """A fence that tells when it is asked."""

    fence: Fence
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def remaining(self) -> float:
        """See `Fence.remaining`."""
        self.asked.set()
        return self.fence.remaining()


@asynccontextmanager
async def _fenced(election: Election, fence: Fence) -> AsyncIterator[Kube]:
    """A client with one connection to the same server."""
    fenced = Kube(election.credentials, Metrics(), fence, Limits(connections=1))
    try:
        yield fenced
    finally:
        await fenced.close()
