"""The management port of a cluster's server: probes, metrics and what it serves, without keys."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import uvicorn
from fastapi import FastAPI

from pynomaly_inference.server.endpoints import health, metrics
from pynomaly_inference.server.follow import Following
from pynomaly_inference.server.state import ServerState


def management_app(state: ServerState, following: Following) -> FastAPI:
    """`/health*`, `/metrics` and `/status`."""
    app = FastAPI(openapi_url=None)
    app.include_router(health.router(state))
    app.include_router(metrics.router(state))

    @app.get("/status")
    async def status() -> dict[str, Any]:
        """The model that answers, and what keeps the server from the one that it should serve."""
        stable, problem = following.stable, following.problem
        return {
            "stable": None if stable is None else stable.model_dump(),
            "problem": None if problem is None else asdict(problem),
        }

    return app


async def serve_management(app: FastAPI, listening: socket.socket) -> None:
    """Answers on the management port until it is cancelled."""
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None, server_header=False
    )
    server = _Beside(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving


class _Beside(uvicorn.Server):
    """A server that leaves signals to the one beside it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
