"""The client against a real server that is not, or not only, an API server."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes_asyncio import client
from tests.unit.operator.servers import Answer, answering

from pynomaly_operator import audit
from pynomaly_operator.errors import ApiError
from pynomaly_operator.kube import Kube, Request
from pynomaly_operator.manifest import DETECTOR, POD
from pynomaly_operator.scope import Scope
from pynomaly_operator.store import Store

Ask = Callable[[Kube], Awaitable[Any]]
LOGIN_PAGE = "<html><title>Please log in</title></html>"


async def _html(_: web.Request) -> web.StreamResponse:
    return web.Response(text=LOGIN_PAGE, content_type="text/html")


async def _closed(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut_short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"major":')
    assert request.transport is not None
    request.transport.close()
    return response


async def _redirected(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/login")


def _json(content: Any) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(content)

    return answer


def test_a_proxys_page_is_an_error_of_the_api_that_shows_who_answered() -> None:
    error = _error(_html, lambda kube: kube.send(Request("GET", "/version")))

    assert error.status == 0
    assert "GET /version was answered with text/html" in error.message
    assert "Please log in" in error.message


@pytest.mark.parametrize("answer", [_closed, _cut_short], ids=["closed", "cut short"])
def test_a_connection_that_ends_early_is_an_error_of_the_api_that_names_the_request(answer: Answer) -> None:
    error = _error(answer, lambda kube: kube.version())

    assert error.status == 0
    assert "does not answer GET http://127.0.0.1:" in error.message
    assert "/version" in error.message


def test_a_redirect_is_not_followed_with_our_token() -> None:
    assert _error(_redirected, lambda kube: kube.version()).status == 302


@pytest.mark.parametrize("content", [{}, {"major": "1"}, {"major": "one", "minor": "36"}, [], "1.36", None])
def test_json_that_is_no_version_is_an_error_of_the_api(content: Any) -> None:
    assert "/version" in _error(_json(content), lambda kube: kube.version()).message


@pytest.mark.parametrize("content", [{}, {"items": []}, {"metadata": {}}, {"items": [], "metadata": None}])
def test_json_that_is_no_list_is_an_error_of_the_api(content: Any) -> None:
    assert "was answered with no list" in _error(_json(content), lambda kube: kube.list(POD, "plant-a")).message
    assert "was answered with no list" in _error(_json(content), lambda kube: audit.listed(kube, Scope())).message


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Mon, 05 Jan 2026 06:07:08 GMT", datetime(2026, 1, 5, 6, 7, 8, tzinfo=UTC)),
        ("Mon, 05 Jan 2026 06:07:08 -0000", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_servers_clock_is_read_from_its_last_answer(date: str, told: datetime | None) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, headers={"Date": date})

    async def scenario() -> datetime | None:
        async with answering(answer) as kube:
            assert kube.server_time is None
            await kube.send(Request("GET", "/version"))
            return kube.server_time

    assert asyncio.run(scenario()) == told


def test_a_status_object_is_told_in_its_own_words() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": "7"}
        return web.json_response({"kind": "Status", "message": "too many requests"}, status=429, headers=headers)

    error = _error(answer, lambda kube: kube.version())

    assert (error.status, error.message, error.retry_after) == (429, "too many requests", 7.0)


def test_a_token_that_cannot_be_read_is_an_error_of_the_api_and_the_next_request_may_succeed(tmp_path: Path) -> None:
    token = tmp_path / "token"
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return web.json_response({"major": "1", "minor": "36+"})

    def read(configuration: client.Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {token.read_text()}"

    async def ask() -> tuple[int, int]:
        async with answering(answer, read) as kube:
            with pytest.raises(ApiError, match="token for the API server cannot be read") as caught:
                await kube.version()
            assert str(token) in caught.value.message
            token.write_text("t0ken")
            return await kube.version()

    assert asyncio.run(ask()) == (1, 36)
    assert seen == ["Bearer t0ken"]


def test_what_the_start_asks_first_fails_as_an_error_of_the_api_too() -> None:
    async def ask() -> None:
        async with answering(_html) as kube:
            await audit.watched_everything(kube, Store(), Scope())

    with pytest.raises(ApiError, match=DETECTOR.plural):
        asyncio.run(ask())


def _error(answer: Answer, ask: Ask) -> ApiError:
    async def asked() -> None:
        async with answering(answer) as kube:
            await ask(kube)

    with pytest.raises(ApiError) as caught:
        asyncio.run(asked())
    return caught.value
