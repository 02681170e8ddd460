"""What kopf is given instead of the answers that it would end of."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_asyncio import client

from pynomaly_operator.handlers import Watching, session
from pynomaly_operator.kube import Credentials
from pynomaly_operator.watch_activity import WatchActivity
from pynomaly_operator.watch_answers import begin_anew_on_error
from pynomaly_operator.watch_pace import WatchPace

DETECTORS = "/apis/pynomaly.io/v1alpha1/anomalydetectors"
WATCH = {"watch": "true"}
_LINES = st.binary().map(lambda line: line.replace(b"\n", b"")).filter(lambda line: b'"ERROR"' not in line)


async def _answered(status: int, path: str, params: dict[str, str], content: bytes = b"{}") -> tuple[int, bytes]:
    """What kopf's session makes of an answer with this status and content."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=content, status=status, content_type="application/json")

    application = web.Application()
    application.router.add_get(path, answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        credentials = Credentials(client.Configuration(host=url))
        activity, pace = WatchActivity(lambda: 0.0), WatchPace(lambda: 0.0)
        async with session(credentials, Watching(streaming=True), activity, pace) as http:
            response = await http.get(url + path, params=params)
            content = b"".join([data async for data in response.content.iter_chunked(1024)])
            return response.status, content
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [403, 404, 409, 500, 503, 504])
@pytest.mark.parametrize("params", [{}, WATCH], ids=["list", "watch"])
def test_an_error_is_a_lost_connection_which_is_tried_again(status: int, params: dict[str, str]) -> None:
    with pytest.raises(aiohttp.ClientConnectionError, match=str(status)):
        asyncio.run(_answered(status, DETECTORS, params))


def test_a_watch_that_is_answered_with_410_says_so_in_its_stream_as_the_api_server_does() -> None:
    status, content = asyncio.run(_answered(410, DETECTORS, WATCH))

    event = json.loads(content)
    assert (status, event["type"], event["object"]["code"]) == (200, "ERROR", 410)


@pytest.mark.parametrize("status", [401, 429])
def test_what_kopf_has_an_answer_to_it_gets(status: int) -> None:
    assert asyncio.run(_answered(status, DETECTORS, WATCH))[0] == status


@pytest.mark.parametrize("status", [403, 409, 422, 500])
def test_so_is_an_error_in_place_of_what_can_be_watched(status: int) -> None:
    with pytest.raises(aiohttp.ClientConnectionError, match=str(status)):
        asyncio.run(_answered(status, "/api", {}))


def test_that_there_is_no_such_group_is_none_of_its_business() -> None:
    assert asyncio.run(_answered(404, "/apis/policy/v1", {}))[0] == 404


@pytest.mark.parametrize("code", [429, 500, 504])
def test_an_error_in_a_stream_is_an_expiry_and_what_came_before_it_is_heard(code: int) -> None:
    added = b'{"type":"ADDED","object":{"kind":"Secret","data":{"a":"{\\"type\\":\\"ERROR\\""}}}\n'
    error = json.dumps({"type": "ERROR", "object": {"code": code}}, separators=(",", ":")).encode() + b"\n"

    status, content = asyncio.run(_answered(200, DETECTORS, WATCH, added + error))

    first, second = content.splitlines(keepends=True)
    assert (status, first, json.loads(second)["object"]["code"]) == (200, added, 410)


@given(st.lists(_LINES, max_size=6), st.integers(1, 12))
def test_every_other_line_of_a_stream_passes_unchanged_and_half_a_line_at_its_end_does_not(
    lines: list[bytes], size: int
) -> None:
    whole = b"".join(line + b"\n" for line in lines)

    assert asyncio.run(_streamed(whole + b'{"type":"ADDED","obj', size)) == whole


@dataclass
class Pieces:
    """A response of which only the stream is read, and that comes in these pieces."""

    pieces: list[bytes]

    @property
    def content(self) -> "Pieces":
        return self

    @content.setter
    def content(self, stream: aiohttp.StreamReader) -> None:
        self.stream = stream

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


async def _streamed(content: bytes, size: int) -> bytes:
    """A stream's content, when it comes in pieces of this size."""
    response = Pieces([content[begin : begin + size] for begin in range(0, len(content), size)])
    begin_anew_on_error(cast("aiohttp.ClientResponse", response))
    return b"".join([data async for data in response.stream.iter_chunked(1024)])
