"""FastAPI: everything but the scoring itself, and the OpenAPI document of it all."""

from http import HTTPMethod
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response

from pynomaly_inference.server import openapi
from pynomaly_inference.server.endpoints import catalog, health, metrics, pages, stream
from pynomaly_inference.server.endpoints.scoring import scoring_router
from pynomaly_inference.server.http import failure
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.routes import ScoringRoutes
from pynomaly_inference.server.state import ServerState

DISTRIBUTION = "pynomaly-operator"
_DESCRIPTION = """Scores rows with anomaly detectors. A score above the model's threshold is labelled 1, an anomaly;
the probability is PyOD's linear one; contributions say how much each feature adds."""


def build_api(state: ServerState, scoring: ScoringRoutes) -> FastAPI:
    """The application behind the scoring paths."""
    api = FastAPI(
        title="Pynomaly",
        version=version(DISTRIBUTION),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    api.include_router(scoring_router(scoring))
    api.include_router(stream.router(scoring, lambda: state.readiness.draining, state.admission))
    api.include_router(catalog.router(state))
    api.include_router(health.router(state))
    api.include_router(metrics.router(state))
    api.include_router(pages.router())
    api.add_exception_handler(Rejected, _rejected)
    api.add_exception_handler(HTTPException, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.openapi = lambda: _document(api)  # type: ignore[method-assign]  # FastAPI's own way to extend the document
    return api


def _document(api: FastAPI) -> dict[str, Any]:
    if api.openapi_schema is None:
        document = get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes)
        components = document.setdefault("components", {})
        components["schemas"] = {**components.get("schemas", {}), **openapi.SCHEMAS}
        components["securitySchemes"] = openapi.SECURITY_SCHEMES
        api.openapi_schema = document
    return api.openapi_schema


def _response(request: StarletteRequest, rejected: Rejected) -> Response:
    reply = failure(request.url.path, rejected)
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers, reply.media.decode())


async def _rejected(request: StarletteRequest, error: Exception) -> Response:
    if not isinstance(error, Rejected):
        raise error
    return _response(request, error)


async def _refused(request: StarletteRequest, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    allowed = (error.headers or {}).get("Allow", "")
    details = {
        404: "there is nothing at this path: /docs lists what there is",
        405: f"this path does not take {request.method}: it takes {allowed or HTTPMethod.POST}",
    }
    response = _response(request, Rejected(error.status_code, details.get(error.status_code, str(error.detail))))
    if allowed:
        response.headers["Allow"] = allowed
    return response


async def _invalid(request: StarletteRequest, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    return _response(request, Rejected(422, f"{first['loc'][-1]}: {first['msg']}"))
