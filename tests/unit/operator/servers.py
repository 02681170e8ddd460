"""A real HTTP server in the place of an API server, for answers that none would give, and for bounds on its time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from kubernetes_asyncio import client

from pynomaly_operator.kube import Credentials, Kube, Limits
from pynomaly_operator.metrics import Metrics

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Refresh = Callable[[client.Configuration], None]


@asynccontextmanager
async def answering(answer: Answer, refresh: Refresh | None = None) -> AsyncIterator[Kube]:
    """A client of a server that gives this answer to every request."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    configuration.refresh_api_key_hook = refresh
    kube = Kube(Credentials(configuration), Metrics(), limits=Limits(seconds=5))
    try:
        yield kube
    finally:
        await kube.close()
        await runner.cleanup()
