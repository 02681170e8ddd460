"""The scoring routes as FastAPI has them: for OpenAPI, for 405, and for models that are not loaded."""

from fastapi import APIRouter
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response

from pynomaly_inference.server import openapi
from pynomaly_inference.server.http import Receive, Request, Scope, Send
from pynomaly_inference.server.protocols.score import PATH
from pynomaly_inference.server.routes import INFER, INFER_VERSION, PREDICT, Handler, ScoringRoutes, run


class Delegated(Response):
    """A response that a plain handler gives: the same handler that answers in front of FastAPI."""

    def __init__(self, handler: Handler) -> None:
        super().__init__()
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the handler and sends its reply."""
        request = Request(dict(scope["headers"]), scope["query_string"], receive)
        reply = await run(self._handler, request, scope["path"])
        await reply.send(send, [])


def scoring_router(scoring: ScoringRoutes) -> APIRouter:
    """The routes over these handlers."""
    router = APIRouter(tags=["Scoring"])

    @router.post(PATH, summary="Score rows", openapi_extra=openapi.score_operation())
    async def score(_: StarletteRequest) -> Response:
        return Delegated(scoring.score)

    @router.post(INFER, summary="Infer (Open Inference Protocol)", openapi_extra=openapi.infer_operation())
    async def infer(name: str) -> Response:
        return Delegated(lambda request: scoring.infer(request, name))

    @router.post(INFER_VERSION, summary="Infer with one version", openapi_extra=openapi.infer_operation())
    async def infer_version(name: str, version: str) -> Response:
        return Delegated(lambda request: scoring.infer(request, name, version))

    @router.post(PREDICT, summary="Predict (KServe v1)", openapi_extra=openapi.predict_operation())
    async def predict(name: str) -> Response:
        return Delegated(lambda request: scoring.predict(request, name))

    return router
