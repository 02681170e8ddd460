"""/healthz, /readyz and /metrics for the kubelet and Prometheus."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pynomaly_operator.metrics import Metrics

SHUTDOWN_SECONDS = 0.5
"""The Lease is released afterwards: whoever asks slowly must not keep the next leader waiting."""


@dataclass(frozen=True, slots=True)
class Health:
    """How to find out how the operator is; each answers with a complaint, or None when all is well."""

    alive: Callable[[], str | None]
    ready: Callable[[], str | None]


@asynccontextmanager
async def served(health: Health, metrics: Metrics, host: str, port: int) -> AsyncIterator[int]:
    """Answers while the context lasts; yields the port, which is a free one when 0 was asked for."""
    runner = web.AppRunner(_application(health, metrics), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _application(health: Health, metrics: Metrics) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return _answer(health.alive())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(health.ready())

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.collection), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    return application


def _answer(complaint: str | None) -> web.Response:
    return web.Response(text=complaint or "ok", status=200 if complaint is None else 503)
