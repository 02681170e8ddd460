"""A proxy between one operator and the API server that treats requests as a script says; real HTTP on both sides."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import web
from tests.cluster.control_plane import ControlPlane

HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_RESOURCE = re.compile(r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/(\w+)(?:/([^/]+))?(?:/(\w+))?")
_VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the operator."""

    number: int
    """Counted from 1."""
    verb: str
    """As Kubernetes audits it, but `apply` for a server-side apply."""
    kind: str
    """The plural of what it is about, with its subresource; the path of what is no resource."""
    name: str
    moment: float


@dataclass(frozen=True, slots=True)
class Forward:
    """The request reaches the API server, and the answer the operator."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The proxy answers in the API server's place, which never hears of the request."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing is answered, and the API server never hears of the request."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is closed instead; the API server never hears of the request."""


async def _nothing() -> None:
    """Nothing more is done."""


@dataclass(frozen=True, slots=True)
class Lose:
    """The API server has answered, but `then` happens and the connection is closed instead."""

    then: Callable[[], Awaitable[None]] = _nothing


Treatment = Forward | Reply | Hang | Reset | Lose


class Stream(Protocol):
    """What becomes of one watch's events."""

    async def passed(self, event: bytes) -> AsyncIterator[bytes]:
        """The lines that the operator gets in place of this one. Raises EndOfStream after the last one."""
        yield event


class EndOfStream(Exception):
    """The watch ends here."""


class Script(Protocol):
    """What happens to requests."""

    async def treat(self, asked: Asked) -> Treatment:
        """What happens to this one."""
        ...

    def stream(self, asked: Asked) -> Stream | None:
        """What happens to the events of this watch; None: they are passed on as they are."""
        ...


class Honest:
    """Passes everything on."""

    async def treat(self, _: Asked) -> Treatment:
        return Forward()

    def stream(self, _: Asked) -> Stream | None:
        return None


@dataclass
class ScriptedProxy:
    """One operator's way to the API server, as administrator, over plain HTTP on loopback."""

    url: str
    session: aiohttp.ClientSession
    script: Script = field(default_factory=Honest)
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    created: list[tuple[str, str]] = field(default_factory=list)
    """Kind and name of what the API server said it had created, whether or not the operator heard it."""

    def kubeconfig(self, path: Path) -> Path:
        """Leads to the API server by way of this proxy."""
        path.write_text(
            "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}], "
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{self.port}'}}}}], "
            "contexts: [{name: c, context: {cluster: c, user: u}}]}"
        )
        return path

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The proxy answers while the context lasts."""
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = _read(len(self.asked) + 1, request)
        self.asked.append(asked)
        match await self.script.treat(asked):
            case Reply(status, headers):
                return web.json_response(_status(status), status=status, headers=headers)
            case Hang():
                await asyncio.Event().wait()
            case Lose(then):
                await self._forward(request, body, asked, None)
                await then()
            case Forward():
                response = web.StreamResponse()
                await self._forward(request, body, asked, response)
                return response
        return _closed(request)

    async def _forward(
        self, request: web.Request, body: bytes, asked: Asked, response: web.StreamResponse | None
    ) -> None:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = self.url + request.raw_path
        async with self.session.request(request.method, url, headers=headers, data=body or None) as upstream:
            if upstream.status == web.HTTPCreated.status_code:
                self.created.append((asked.kind, asked.name))
            if response is None:
                if asked.verb != "watch":
                    await upstream.read()  # the answer is whole, so the write is done
                return
            response.set_status(upstream.status)
            response.headers.update({n: v for n, v in upstream.headers.items() if n.lower() not in HOP_BY_HOP})
            with suppress(ConnectionResetError):  # a watch ends when the client goes
                await response.prepare(request)
                await self._pass_on(asked, upstream, response)

    async def _pass_on(self, asked: Asked, upstream: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        stream = self.script.stream(asked) if asked.verb == "watch" else None
        if stream is None:
            async for piece in upstream.content.iter_any():
                await response.write(piece)
            return
        with suppress(EndOfStream):
            async for line in _lines(upstream.content):
                async for event in stream.passed(line):
                    await response.write(event)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"


def _read(number: int, request: web.Request) -> Asked:
    found = _RESOURCE.fullmatch(request.path)
    if found is None:
        return Asked(number, "get", request.path, "", time.monotonic())
    plural, name, subresource = found.groups(default="")
    kind = f"{plural}/{subresource}" if subresource else plural
    return Asked(number, _verb(request, name), kind, name, time.monotonic())


def _verb(request: web.Request, name: str) -> str:
    if request.method == "PATCH":
        return "apply" if "apply-patch" in request.headers.get("Content-Type", "") else "patch"
    if request.method == "GET":
        return "watch" if request.query.get("watch") == "true" else ("get" if name else "list")
    return _VERBS[request.method]


def _status(code: int) -> dict[str, object]:
    """As an API server says it."""
    said = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**said, "message": f"the proxy answers {code}", "code": code}


def _closed(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def trust(plane: ControlPlane) -> ssl.SSLContext:
    """Of an administrator of the control plane."""
    context = ssl.create_default_context(cafile=str(plane.authority.identity.certificate))
    context.load_cert_chain(plane.admin.certificate, plane.admin.key)
    return context


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[aiohttp.ClientSession]:
    """A session with the API server, as administrator."""
    connector = aiohttp.TCPConnector(ssl=trust(plane), limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        yield session


def parsed(event: bytes) -> dict[str, object]:
    """An event of a watch."""
    found: dict[str, object] = json.loads(event)
    return found
