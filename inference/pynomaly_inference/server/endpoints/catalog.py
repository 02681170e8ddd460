"""Which models there are, and what they are."""

from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from pynomaly_inference.server import openapi
from pynomaly_inference.server.card import card
from pynomaly_inference.server.protocols import oip
from pynomaly_inference.server.state import ServerState

_ACTIONS = (":predict", ":explain")


def router(state: ServerState) -> APIRouter:
    """The catalogue of these models."""
    routes = APIRouter(tags=["Models"])
    models = state.models

    @routes.get("/v1/card", responses=openapi.problems(400, 401, 404, 422), openapi_extra=openapi.KEYED)
    async def model_card(model: str | None = None) -> dict[str, Any]:
        """The model card: algorithm, features, evaluation, parity."""
        return card(models.named(model))

    @routes.get("/v1/models", responses=openapi.errors(401), openapi_extra=openapi.KEYED)
    async def list_models() -> dict[str, list[str]]:
        """The names of the loaded models."""
        return {"models": list(models.names)}

    @routes.get("/v1/models/{name}", responses=openapi.errors(401, 404, 422), openapi_extra=openapi.KEYED)
    async def model_state(name: str) -> dict[str, Any]:
        """Whether a model is loaded (KServe v1)."""
        if name.endswith(_ACTIONS):
            raise HTTPException(405, headers={"Allow": "POST"})
        return {"name": models.named(name).name, "ready": not state.readiness.draining}

    @routes.get("/v2", responses=openapi.errors(401), openapi_extra=openapi.KEYED)
    async def server_metadata() -> dict[str, Any]:
        """The server's metadata (Open Inference Protocol)."""
        return oip.server_metadata()

    async def metadata(name: str, version: str | None = None) -> dict[str, Any]:
        """A model's inputs and outputs (Open Inference Protocol)."""
        return oip.model_metadata(models.named(name, version))

    async def ready(name: str, version: str | None = None) -> Response:
        """Whether a model can be scored with (Open Inference Protocol)."""
        served = models.named(name, version)
        is_ready = not state.readiness.draining
        return JSONResponse({"name": served.name, "ready": is_ready}, 200 if is_ready else 503)

    for base in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        for path, endpoint in ((base, metadata), (f"{base}/ready", ready)):
            routes.add_api_route(path, endpoint, responses=openapi.errors(401, 404, 422), openapi_extra=openapi.KEYED)
    return routes
