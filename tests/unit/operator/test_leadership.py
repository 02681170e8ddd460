"""The election against a server that keeps a Lease as the API server does, on a clock that the test moves."""

import asyncio

import pytest
from tests.unit.operator.election import Clock, Election, run_election


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

    run_election(scenario)


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

    run_election(scenario)


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

    run_election(scenario)


def test_any_change_of_the_lease_is_a_sign_of_life() -> None:
    async def scenario(election: Election) -> None:
        assert await election.candidate("first").attempt()
        second = election.candidate("second")
        for _ in range(5):
            assert not await second.attempt()
            election.clock.seconds += 14
            election.server.edit(renewTime="2020-01-01T00:00:00.000000Z")

        assert not await second.attempt()

    run_election(scenario)


def test_who_releases_leads_no_longer_and_is_followed_at_once() -> None:
    async def scenario(election: Election) -> None:
        first, second = election.candidate("first"), election.candidate("second")
        assert await first.attempt()

        await first.release()

        assert not first.leading
        assert await second.attempt()
        assert election.server.lease is not None
        assert election.server.lease["spec"]["leaseTransitions"] == 1

    run_election(scenario)


def test_one_who_does_not_lead_releases_nothing() -> None:
    async def scenario(election: Election) -> None:
        assert await election.candidate("first").attempt()
        version = election.server.version

        await election.candidate("second").release()

        assert election.server.version == version

    run_election(scenario)


def test_of_two_that_try_at_the_same_time_one_leads() -> None:
    async def scenario(election: Election) -> None:
        for _ in range(20):
            election.server.lease = None
            candidates = [election.candidate(name) for name in "abcd"]
            won = await asyncio.gather(*(candidate.attempt() for candidate in candidates))
            assert sum(won) == 1
            assert sum(candidate.leading for candidate in candidates) == 1

    run_election(scenario)


def test_a_leader_that_sees_another_in_the_lease_stops_at_once() -> None:
    async def scenario(election: Election) -> None:
        first = election.candidate("first")
        assert await first.attempt()
        election.server.edit(holderIdentity="second")

        assert not await first.attempt()

        assert not first.leading

    run_election(scenario)


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

    run_election(scenario)


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

    run_election(scenario)
