"""Events are written beside the passes that tell them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from tests.unit.operator.servers import answering

from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.events import Event
from pynomaly_operator.recorder import Recorder

PUMPS = Identity("plant-a", "pumps", "1")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRAINED = Event("Succeeded", "version 1 is trained")


def test_events_are_written_in_their_order_with_the_time_at_which_they_were_told() -> None:
    written: list[dict[str, Any]] = []

    async def scenario() -> None:
        two = asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            written.append(await request.json())
            if len(written) == 2:
                two.set()
            return web.json_response({}, status=201)

        async with answering(answer) as kube:
            times = iter([NOW, NOW.replace(hour=4)])
            events = Recorder(kube, lambda: next(times))
            events.record(PUMPS, TRAINED)
            events.record(PUMPS, Event("GateFailed", "too many anomalies", "Warning"))
            await _run_until(events, two)

    asyncio.run(scenario())
    assert [(event["type"], event["reason"], event["firstTimestamp"]) for event in written] == [
        ("Normal", "Succeeded", "2026-01-02T03:04:05Z"),
        ("Warning", "GateFailed", "2026-01-02T04:04:05Z"),
    ]
    assert {event["involvedObject"]["uid"] for event in written} == {"1"}


def test_an_event_that_is_told_again_is_counted() -> None:
    counted: list[dict[str, Any]] = []

    async def scenario() -> None:
        done = asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.method == "POST":
                return web.json_response({"message": "exists"}, status=409)
            if request.method == "GET":
                return web.json_response({"count": 6})
            counted.append(await request.json())
            done.set()
            return web.json_response({})

        async with answering(answer) as kube:
            events = Recorder(kube, lambda: NOW)
            events.record(PUMPS, TRAINED)
            await _run_until(events, done)

    asyncio.run(scenario())
    assert counted == [{"count": 7, "lastTimestamp": "2026-01-02T03:04:05Z"}]


def test_one_that_cannot_be_written_does_not_keep_the_next_from_being_written() -> None:
    reasons: list[str] = []

    async def scenario() -> None:
        done = asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            reasons.append((await request.json())["reason"])
            if len(reasons) == 2:
                done.set()
            return web.json_response({"message": "no"}, status=403 if len(reasons) == 1 else 201)

        async with answering(answer) as kube:
            events = Recorder(kube, lambda: NOW)
            events.record(PUMPS, Event("Training", "the training's Job is being created"))
            events.record(PUMPS, TRAINED)
            await _run_until(events, done)

    asyncio.run(scenario())
    assert reasons == ["Training", "Succeeded"]


def test_as_many_wait_as_there_is_room_for_and_what_comes_then_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with answering(_created) as kube:
            events = Recorder(kube, lambda: NOW, most=1)
            events.record(PUMPS, Event("Training", "the training's Job is being created"))
            events.record(PUMPS, TRAINED)

    asyncio.run(scenario())
    assert "plant-a/pumps: event Succeeded not recorded, as 1 others wait to be: version 1 is trained" in caplog.text


async def _created(_: web.Request) -> web.StreamResponse:
    return web.json_response({}, status=201)


async def _run_until(events: Recorder, done: asyncio.Event) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(events.run())
        await done.wait()
        running.cancel()
