"""The scoring routes: which path leads to which call, and how a call becomes a reply."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pynomaly_inference.server.access.caller import Refused
from pynomaly_inference.server.bounded import BoundedProtocol
from pynomaly_inference.server.compression import compressed
from pynomaly_inference.server.decoding.content_coding import decoder_of
from pynomaly_inference.server.decoding.table_process import TableProcess
from pynomaly_inference.server.http import Head, Receive, Reply, failure, read_body
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.protocols.kserve import explain_call, predict_call
from pynomaly_inference.server.protocols.oip import infer_call
from pynomaly_inference.server.protocols.score import PATH, Tables, score_call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.scorer import Deferred, Scorer
from pynomaly_inference.server.streaming import Streams
from pynomaly_inference.server.table import ModelTable

_log = logging.getLogger(__name__)

REQUEST_SECONDS = BoundedProtocol.seconds
_TABLES = frozenset({b"text/csv", b"application/vnd.apache.parquet"})
"""Files, of which people send whole ones: they may be twice as large."""
INFER = "/v2/models/{name}/infer"
INFER_VERSION = "/v2/models/{name}/versions/{version}/infer"
PREDICT = "/v1/models/{name}:predict"
EXPLAIN = "/v1/models/{name}:explain"


@dataclass(frozen=True, slots=True)
class Route:
    """One exact path. endpoint: its template, the label that metrics carry. open: reads the head; raises Rejected."""

    path: str
    endpoint: str
    open: Callable[[Head], Call]


class ScoringRoutes:
    """Scores requests on the paths of the loaded models. most_bytes: the limit of a body, None for none.

    seconds: how long a request may take to arrive, and then to be answered.
    """

    def __init__(
        self, models: ModelTable, scorer: Scorer, most_bytes: int | None, seconds: float = REQUEST_SECONDS
    ) -> None:
        self._models = models
        self._scorer = scorer
        self._tables = Tables(TableProcess(), scorer.most_rows)
        self.most_bytes = most_bytes
        self._seconds = seconds

    def by_path(self) -> Mapping[str, Route]:
        """One route for each path that scores a loaded model; other paths are for FastAPI to route or refuse."""
        routes = [self.score(PATH)]
        for served in self._models:
            name, version = served.name, str(served.version)
            routes.append(self.infer(INFER.format(name=name), name))
            routes.append(self.infer(INFER_VERSION.format(name=name, version=version), name, version))
            routes.append(self.predict(PREDICT.format(name=name), name))
            routes.append(self.explain(EXPLAIN.format(name=name), name))
        return {route.path: route for route in routes}

    def score(self, path: str) -> Route:
        """`POST /v1/score`."""
        return Route(path, PATH, lambda head: score_call(head, self._models, self._tables))

    def infer(self, path: str, name: str, version: str | None = None) -> Route:
        """`POST /v2/models/{name}[/versions/{version}]/infer`."""
        endpoint = INFER if version is None else INFER_VERSION
        return Route(path, endpoint, lambda head: infer_call(head, self._models, name, version))

    def predict(self, path: str, name: str) -> Route:
        """`POST /v1/models/{name}:predict`."""
        return Route(path, PREDICT, lambda head: predict_call(head, self._models, name))

    def explain(self, path: str, name: str) -> Route:
        """`POST /v1/models/{name}:explain`."""
        return Route(path, EXPLAIN, lambda head: explain_call(head, self._models, name))

    def answer_now(self, route: Route, head: Head, body: bytes) -> Reply | Deferred:
        """The reply to a whole request, or what is left to do for it when it would hold up the event loop."""
        try:
            call, undo = route.open(head), decoder_of(head.headers)
            call.caller = head.caller
            if undo is not None:
                reply: Reply | Deferred = self._scorer.put_off(call, lambda: undo(body, self._most_bytes(head)))
            else:
                reply = self._scorer.now(call, body)
            return compressed(reply, head.headers)
        except Rejected as rejected:
            return failure(route.path, rejected)
        except Exception:  # noqa: BLE001 - no failure may go without an answer and a line in the log
            return _failed(route)

    async def answer_later(self, route: Route, deferred: Deferred) -> Reply:
        """The reply to a request whose work was put off."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._scorer.later(deferred)
        except TimeoutError:
            return failure(route.path, _too_slow(self._seconds))
        except Rejected as rejected:
            return failure(route.path, rejected)
        except Exception:  # noqa: BLE001 - no failure may go without an answer and a line in the log
            return _failed(route)

    def _most_bytes(self, head: Head) -> int | None:
        media = head.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return self.most_bytes * 2 if self.most_bytes is not None and media in _TABLES else self.most_bytes

    def streams(self, draining: Callable[[], bool]) -> Streams:
        """What answers streams of rows, until the server is `draining`."""
        return Streams(self._models, self._scorer, draining)

    async def run(self, call: Call, body: bytes) -> Reply:
        """The reply to a call of another transport; raises Rejected."""
        return await self._scorer.score(call, body)

    async def answer(self, route: Route, head: Head, receive: Receive) -> Reply:
        """The reply to any request, its body still to come; raises ClientLeft only."""
        try:
            async with asyncio.timeout(self._seconds):
                body = await read_body(head.headers, receive, self._most_bytes(head))
        except TimeoutError:
            return failure(route.path, _too_late(self._seconds))
        except Rejected as rejected:
            return failure(route.path, rejected)
        reply = self.answer_now(route, head, body)
        return await self.answer_later(route, reply) if isinstance(reply, Deferred) else reply


def _too_late(seconds: float) -> Rejected:
    close = ((b"connection", b"close"),)
    return Refused(408, f"the request took longer than {seconds:g} s to arrive: send it at once", close)


def _too_slow(seconds: float) -> Rejected:
    return Rejected(504, f"the rows were not scored within {seconds:g} s: send fewer of them in one request")


def _failed(route: Route) -> Reply:
    _log.exception("cannot answer %s", route.path)
    return failure(route.path, Rejected(500, "the server failed; its log says why"))
