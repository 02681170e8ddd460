"""Whose the events of a watch are, and what kopf is told instead of them."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from pynomaly_operator.watch_stream import take_events

Event = dict[str, Any]
END = {"metadata": {"resourceVersion": "50", "annotations": {"k8s.io/initial-events-end": "true"}}}
EXPIRED = {"type": "ERROR", "object": {"code": 410}}


@dataclass
class _Stream:
    pieces: list[bytes]

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


@dataclass
class _Response:
    content: Any
    url: URL


def _event(kind: str, version: str) -> Event:
    return {"type": kind, "object": {"kind": "Service", "metadata": {"name": "s", "resourceVersion": version}}}


def _lines(*events: Event) -> bytes:
    return b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)


def _taken(pieces: list[bytes], query: str = "watch=true") -> tuple[list[tuple[str, str]], list[Event]]:
    """What the sink was given, by type and version, and what is left for kopf."""
    seen: list[tuple[str, str]] = []

    def sink(kind: str, body: Mapping[str, Any]) -> None:
        seen.append((kind, str(int(body["metadata"]["resourceVersion"]))))

    async def read() -> bytes:
        response = _Response(_Stream(pieces), URL(f"https://api/services?{query}"))
        take_events(cast("aiohttp.ClientResponse", response), sink)
        return b"".join([data async for data in response.content.iter_chunked(1024)])

    left = asyncio.run(read())
    return seen, [json.loads(line) for line in left.splitlines() if line]


def test_events_are_taken_and_kopf_is_told_from_where_to_go_on() -> None:
    pieces = [_lines(_event("ADDED", "7"), _event("MODIFIED", "8"), _event("DELETED", "9"))]

    seen, left = _taken(pieces)

    assert seen == [("ADDED", "7"), ("MODIFIED", "8"), ("DELETED", "9")]
    assert left == [{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}]


def test_what_existed_has_no_order_so_a_watch_that_breaks_off_in_it_begins_anew() -> None:
    _, left = _taken([_lines(_event("ADDED", "40"), _event("ADDED", "7"))], "watch=true&sendInitialEvents=true")

    assert left == [{"type": "BOOKMARK", "object": {"metadata": {}}}]


def test_after_what_existed_a_watch_goes_on_from_the_last_event() -> None:
    pieces = [_lines(_event("ADDED", "40"), {"type": "BOOKMARK", "object": END}, _event("ADDED", "51"))]

    _, left = _taken(pieces, "watch=true&sendInitialEvents=true")

    assert [event["object"]["metadata"]["resourceVersion"] for event in left] == ["50", "51"]


def test_an_error_reaches_kopf_after_the_events_before_it() -> None:
    seen, left = _taken([_lines(_event("ADDED", "7"), EXPIRED)])

    assert seen == [("ADDED", "7")]
    assert [event["type"] for event in left] == ["BOOKMARK", "ERROR"]


def test_an_event_that_cannot_be_taken_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    seen, _ = _taken([_lines(_event("ADDED", "no number"), _event("ADDED", "9"))])

    assert seen == [("ADDED", "9")]
    assert "lost until the next audit" in caplog.text


@given(cuts=st.lists(st.integers(0, 700), max_size=5))
def test_it_does_not_matter_how_the_stream_is_cut(cuts: list[int]) -> None:
    whole = _lines(*(_event("MODIFIED", str(version)) for version in range(10)))
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]

    seen, left = _taken(pieces)

    assert seen == [("MODIFIED", str(version)) for version in range(10)]
    assert left[-1]["object"]["metadata"]["resourceVersion"] == "9"
