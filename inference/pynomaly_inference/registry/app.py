"""The registry as an ASGI application."""

import asyncio

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from pynomaly_inference.registry import living, problems
from pynomaly_inference.registry.auth import Authenticator, TokenReviewer
from pynomaly_inference.registry.clock import Clock
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.metrics import Measured, Metrics
from pynomaly_inference.registry.problems import Problem
from pynomaly_inference.registry.routes import router
from pynomaly_inference.registry.services import Services
from pynomaly_inference.registry.settings import RegistrySettings


def create_app(settings: RegistrySettings, database: Database, reviewer: TokenReviewer, clock: Clock) -> FastAPI:
    """The application on a prepared database. It holds nothing of its own but what it remembers of tokens."""
    app = FastAPI(title="Pynomaly registry", openapi_url=None)
    metrics = Metrics()
    app.state.services = Services(
        settings,
        database,
        Authenticator(reviewer, settings.audience, clock),
        clock,
        metrics,
        asyncio.Semaphore(settings.uploads),
        asyncio.Semaphore(settings.downloads),
    )
    problems.install(app)
    app.include_router(router)
    app.include_router(living.router)
    _add_management(app, database, metrics)
    app.add_middleware(Measured, metrics=metrics, clock=clock)
    return app


def _add_management(app: FastAPI, database: Database, metrics: Metrics) -> None:
    @app.get("/health/live")
    async def live() -> Response:
        """The process answers."""
        return JSONResponse({"status": "live"})

    @app.get("/health/ready")
    async def ready() -> Response:
        """The database answers, and has this program's schema."""
        if not await database.is_ready():
            raise Problem(503, "the database does not answer, or has another schema")
        return JSONResponse({"status": "ready"})

    @app.get("/metrics")
    async def scrape() -> Response:
        """Prometheus' text."""
        return Response(await metrics.exposition(database), media_type=CONTENT_TYPE_LATEST)
