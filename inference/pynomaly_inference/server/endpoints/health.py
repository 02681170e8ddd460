"""Whether the process lives, and whether it wants requests; without a key, and without details."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from pynomaly_inference.server.state import ServerState

_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready."}}


def router(state: ServerState) -> APIRouter:
    """The probes of this server."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/health", responses=_NOT_READY)
    async def health() -> Response:
        """Each component; 503 only when scoring cannot work."""
        access = state.admission.gate.health()
        scoring = "draining" if state.readiness.draining else "ok" if state.is_ready else "no model"
        status = "ok" if scoring == "ok" and "stale" not in access.values() else "degraded"
        answer = {"status": status, "components": {"scoring": scoring, **access}}
        return JSONResponse(answer, 503 if scoring == "no model" else 200)

    async def live() -> dict[str, Any]:
        """The process answers."""
        return {"live": True}

    async def ready() -> Response:
        """Requests are wanted: every model's golden rows agree, and the server is not about to stop."""
        return JSONResponse({"ready": state.is_ready}, 200 if state.is_ready else 503)

    for path in ("/health/live", "/v2/health/live"):
        routes.add_api_route(path, live)
    for path in ("/health/ready", "/v2/health/ready"):
        routes.add_api_route(path, ready, responses=_NOT_READY)
    return routes
