"""Runs the registry: migrates, listens, answers, and stops without breaking off what is under way."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry.app import create_app
from pynomaly_inference.registry.auth import TokenReviewer
from pynomaly_inference.registry.clock import SystemClock
from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.contract import MAX_INFO_HEADER
from pynomaly_inference.registry.settings import RegistrySettings
from pynomaly_inference.registry.token_review import in_cluster, reviewing

_log = logging.getLogger(__name__)


def run(settings: RegistrySettings) -> None:
    """Serves in a cluster until SIGTERM or SIGINT. Runs in the main thread.

    Raises ResourceInvalid for settings that cannot be, PynomalyError when the database, the address or the cluster
    cannot be had.
    """
    asyncio.run(_run(settings))


async def serve(settings: RegistrySettings, reviewer: TokenReviewer) -> None:
    """`run` with this reviewer, which may ask any cluster."""
    _make_spool(settings.spool)
    with _listening(settings) as listener:
        async with connected(settings.database) as database:
            app = create_app(settings, database, reviewer, SystemClock())
            server = _Server(uvicorn_config(app, settings))
            await server.serve(sockets=[listener])
    _log.info("the registry stopped")


async def _run(settings: RegistrySettings) -> None:
    async with reviewing(in_cluster()) as reviewer:
        await serve(settings, reviewer)


def uvicorn_config(app: FastAPI, settings: RegistrySettings) -> uvicorn.Config:
    """How the registry speaks HTTP."""
    return uvicorn.Config(
        app,
        http="h11",  # reads on after an early answer, so that a client that still sends gets it
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        h11_max_incomplete_event_size=2 * MAX_INFO_HEADER,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


class _Server(uvicorn.Server):
    """uvicorn that ends well: its own raises the signals anew once it has stopped, which is an exit code of theirs."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            _log.info("the registry listens on %s:%d", *listener.getsockname()[:2])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def _make_spool(folder: Path | None) -> None:
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PynomalyError(f"cannot hold uploads in `{folder}`: {error.strerror}") from error


@contextmanager
def _listening(settings: RegistrySettings) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        raise PynomalyError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    with listener:
        yield listener
