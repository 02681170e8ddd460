"""The metrics, as Prometheus scrapes them."""

from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from pynomaly_inference.server import openapi
from pynomaly_inference.server.state import ServerState


def router(state: ServerState) -> APIRouter:
    """The metrics of this server."""
    routes = APIRouter(tags=["Metrics"])

    @routes.get(
        "/metrics",
        responses=openapi.problems(401),
        response_class=PlainTextResponse,
        openapi_extra=openapi.KEYED,
    )
    async def metrics() -> Response:
        """Every metric, in Prometheus' text format."""
        return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes
