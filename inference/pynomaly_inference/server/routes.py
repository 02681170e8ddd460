"""The scoring routes as plain handlers: the ASGI front calls them, and FastAPI's routes delegate to them."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pynomaly_inference.server.http import Reply, Request, failure
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.protocols.kserve import predict_call
from pynomaly_inference.server.protocols.oip import infer_call
from pynomaly_inference.server.protocols.score import PATH, score_call
from pynomaly_inference.server.rejected import ClientLeft, Rejected
from pynomaly_inference.server.scorer import Scorer
from pynomaly_inference.server.table import ModelTable

_log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[Reply]]

INFER = "/v2/models/{name}/infer"
INFER_VERSION = "/v2/models/{name}/versions/{version}/infer"
PREDICT = "/v1/models/{name}:predict"


@dataclass(frozen=True, slots=True)
class Route:
    """One exact path. endpoint: its template, the label that metrics carry."""

    endpoint: str
    handler: Handler


class ScoringRoutes:
    """The handlers, and the exact paths of the loaded models that lead to them."""

    def __init__(self, models: ModelTable, scorer: Scorer, most_bytes: int | None) -> None:
        self._models = models
        self._scorer = scorer
        self._most_bytes = most_bytes

    def by_path(self) -> Mapping[str, Route]:
        """One entry for each path that scores a loaded model; other paths are for FastAPI to route or refuse."""
        routes = {PATH: Route(PATH, self.score)}
        for served in self._models:
            name, version = served.name, str(served.version)
            infer = partial(self.infer, name=name, version=version)
            routes[INFER.format(name=name)] = Route(INFER, infer)
            routes[INFER_VERSION.format(name=name, version=version)] = Route(INFER_VERSION, infer)
            routes[PREDICT.format(name=name)] = Route(PREDICT, partial(self.predict, name=name))
        return routes

    async def score(self, request: Request) -> Reply:
        """`POST /v1/score`."""
        return await self._answer(request, score_call(request, self._models))

    async def infer(self, request: Request, name: str, version: str | None = None) -> Reply:
        """`POST /v2/models/{name}[/versions/{version}]/infer`."""
        return await self._answer(request, infer_call(request, self._models, name, version))

    async def predict(self, request: Request, name: str) -> Reply:
        """`POST /v1/models/{name}:predict`."""
        return await self._answer(request, predict_call(request, self._models, name))

    async def _answer(self, request: Request, call: Call) -> Reply:
        return await self._scorer.answer(call, await request.body(self._most_bytes))


async def run(handler: Handler, request: Request, path: str) -> Reply:
    """The reply of a handler; what it raises becomes the answer that the protocol of this path gives for it.

    Raises ClientLeft only.
    """
    try:
        return await handler(request)
    except Rejected as rejected:
        return failure(path, rejected)
    except ClientLeft:
        raise
    except Exception:  # noqa: BLE001 - no failure may go without an answer and a line in the log
        _log.exception("cannot answer %s", path)
        return failure(path, Rejected(500, "the server failed; its log says why"))
