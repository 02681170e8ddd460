"""The scoring routes as FastAPI has them: for OpenAPI, for 405, and for models that are not loaded."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from pynomaly_inference.server import openapi
from pynomaly_inference.server.http import Receive, Scope, Send, head_of
from pynomaly_inference.server.protocols.score import PATH
from pynomaly_inference.server.routes import EXPLAIN, INFER, INFER_VERSION, PREDICT, Route, ScoringRoutes


class Delegated(Response):
    """A response that a scoring route gives: the same that answers in front of FastAPI."""

    def __init__(self, scoring: ScoringRoutes, route: Route) -> None:
        super().__init__()
        self._scoring = scoring
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers and sends."""
        reply = await self._scoring.answer(self._route, head_of(scope), receive)
        await reply.send(send, [])


def scoring_router(scoring: ScoringRoutes) -> APIRouter:
    """FastAPI's routes over the scoring routes."""
    router = APIRouter(tags=["Scoring"])

    @router.post(PATH, summary="Score rows", openapi_extra=openapi.score_operation())
    async def score() -> Response:
        return Delegated(scoring, scoring.score(PATH))

    @router.post(INFER, summary="Infer (Open Inference Protocol)", openapi_extra=openapi.infer_operation())
    async def infer(request: Request, name: str) -> Response:
        return Delegated(scoring, scoring.infer(request.url.path, name))

    @router.post(INFER_VERSION, summary="Infer with one version", openapi_extra=openapi.infer_operation())
    async def infer_version(request: Request, name: str, version: str) -> Response:
        return Delegated(scoring, scoring.infer(request.url.path, name, version))

    @router.post(PREDICT, summary="Predict (KServe v1)", openapi_extra=openapi.predict_operation())
    async def predict(request: Request, name: str) -> Response:
        return Delegated(scoring, scoring.predict(request.url.path, name))

    @router.post(EXPLAIN, summary="Explain (KServe v1)", openapi_extra=openapi.explain_operation())
    async def explain(request: Request, name: str) -> Response:
        return Delegated(scoring, scoring.explain(request.url.path, name))

    return router
