"""What kopf is given instead of the answers that it would end of."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web
from kubernetes_asyncio import client

from pynomaly_operator.handlers import Watching, session
from pynomaly_operator.kube import Credentials
from pynomaly_operator.watch_activity import WatchActivity

DETECTORS = "/apis/pynomaly.io/v1alpha1/anomalydetectors"
WATCH = {"watch": "true"}


async def _answered(status: int, path: str, params: dict[str, str]) -> tuple[int, bytes]:
    """What kopf's session makes of an answer with this status."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    application = web.Application()
    application.router.add_get(path, answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        credentials = Credentials(client.Configuration(host=url))
        async with session(credentials, Watching(streaming=True), WatchActivity(lambda: 0.0)) as http:
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


def test_what_is_neither_listed_nor_watched_is_none_of_its_business() -> None:
    assert asyncio.run(_answered(404, "/apis/policy/v1", {}))[0] == 404
