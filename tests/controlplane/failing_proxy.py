"""A proxy before the API server that fails as proxies do: with a page of its own, or by closing the connection."""

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.cluster.control_plane import ControlPlane

HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
START_SECONDS = 10


class FailingProxy:
    """Forwards as administrator, over plain HTTP on loopback."""

    def __init__(self, plane: ControlPlane) -> None:
        self.port = 0
        self.failed = 0
        self._plane = plane
        self._failures: deque[str] = deque()
        self._hanging = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._up, self._stop = threading.Event(), asyncio.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The proxy answers while the context lasts."""
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="proxy")
        thread.start()
        try:
            assert self._up.wait(START_SECONDS), "the proxy did not start"
            yield
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(START_SECONDS)
            self._loop.close()

    def fail(self, *ways: str) -> None:
        """The next requests fail, each in its way: `page` or `close`."""
        self._loop.call_soon_threadsafe(self._failures.extend, ways)

    def hang(self) -> None:
        """From now on nothing is answered, and what is being answered stands still."""
        self._loop.call_soon_threadsafe(self._hanging.set)

    def kubeconfig(self, folder: Path) -> Path:
        """Leads to the API server by way of this proxy."""
        path = folder / "by-proxy.conf"
        path.write_text(
            "{apiVersion: v1, kind: Config, current-context: c, users: [{name: u, user: {}}], "
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{self.port}'}}}}], "
            "contexts: [{name: c, context: {cluster: c, user: u}}]}"
        )
        return path

    async def _serve(self) -> None:
        trust = ssl.create_default_context(cafile=str(self._plane.authority.identity.certificate))
        trust.load_cert_chain(self._plane.admin.certificate, self._plane.admin.key)
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

            async def answer(request: web.Request) -> web.StreamResponse:
                return await self._answer(request, session)

            application = web.Application()
            application.router.add_route("*", "/{path:.*}", answer)
            runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]
            self._up.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _answer(self, request: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        if self._hanging.is_set():
            await asyncio.Event().wait()
        if not self._failures:
            return await self._forward(request, session)
        self.failed += 1
        if self._failures.popleft() == "close" and request.transport is not None:
            request.transport.abort()
        return web.Response(text="<html>Bad gateway, but politely</html>", content_type="text/html")

    async def _forward(self, request: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        url = self._plane.address.url + request.raw_path
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with session.request(request.method, url, headers=headers, data=await request.read() or None) as upstream:
            kept = {name: value for name, value in upstream.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=upstream.status, headers=kept)
            with suppress(ConnectionResetError):  # a watch ends when the client goes
                await response.prepare(request)
                async for piece in upstream.content.iter_any():
                    if self._hanging.is_set():
                        await asyncio.Event().wait()
                    await response.write(piece)
            return response
