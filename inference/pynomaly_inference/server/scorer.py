"""Runs a scoring call: at once when it is cheap, on a thread when it would hold up the event loop."""

import asyncio
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.access.caller import EXPLAIN
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.metrics import Metrics
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ServedModel

T = TypeVar("T")

INLINE_BYTES = 256 * 1024
"""About half a millisecond of JSON; larger bodies are decoded on a thread."""
_FEW = 64
"""Up to so many scores are looked at one by one in less time than numpy takes to start."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A call that is too dear for the event loop's thread: the work that is left of it."""

    call: Call
    work: Callable[[], tuple[Scored, Reply]]


class Scorer:
    """Scores calls. `most_rows` is the limit of one request, None for none."""

    def __init__(self, metrics: Metrics, most_rows: int | None) -> None:
        self._metrics = metrics
        self.most_rows = most_rows
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "score")
        self._slow_pool = ThreadPoolExecutor(1, "slow")
        """For calls that may wait long, one for the other: they keep no thread from those that only compute."""

    def now(self, call: Call, body: bytes) -> Reply | Deferred:
        """The reply to a call with this body, or what is left to do for it; raises Rejected."""
        if call.slow or len(body) > INLINE_BYTES:
            return self.put_off(call, lambda: body)
        try:
            rows = self._decode(call, body)
            served = call.served
            if len(rows) > (served.inline_rows_extra if call.explain or call.unify else served.inline_rows):
                return Deferred(call, lambda: self._score(call, rows))
            scored, reply = self._score(call, rows)
        except Rejected:
            self._metrics.rejected(call.served)
            raise
        self._count(call, scored)
        return reply

    def put_off(self, call: Call, body: Callable[[], bytes]) -> Deferred:
        """All the work of a call whose body is yet to be worked out; `body` may raise Rejected."""
        return Deferred(call, lambda: self._score(call, self._decode(call, body())))

    async def score(self, call: Call, body: bytes) -> Reply:
        """The reply to a call with this body, now or later; raises Rejected."""
        reply = self.now(call, body)
        return await self.later(reply) if isinstance(reply, Deferred) else reply

    async def later(self, deferred: Deferred) -> Reply:
        """The reply to a call that was deferred, worked out on a thread; raises Rejected."""
        try:
            pool = self._slow_pool if deferred.call.slow else self._pool
            scored, reply = await asyncio.get_running_loop().run_in_executor(pool, deferred.work)
        except Rejected:
            self._metrics.rejected(deferred.call.served)
            raise
        self._count(deferred.call, scored)
        return reply

    async def on_thread(self, work: Callable[[], T]) -> T:
        """What this work gives, done where it does not hold up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def scored(self, served: ServedModel, scored: Scored, ignored: int) -> None:
        """Counts rows that were scored, and `ignored` columns of theirs that the model does not know."""
        self._metrics.scored(served, scored)
        if ignored:
            self._metrics.ignored(served, ignored)

    def _count(self, call: Call, scored: Scored) -> None:
        self.scored(call.served, scored, call.ignored)

    def _decode(self, call: Call, body: bytes) -> Rows:
        if len(body) > INLINE_BYTES and self.most_rows is not None:
            call.check_size(body, self.most_rows)
        rows = call.decode(body)
        if call.explain:
            call.caller.check(EXPLAIN)
        if self.most_rows is not None and len(rows) > self.most_rows:
            raise Rejected(413, f"the request has {len(rows)} rows; at most {self.most_rows} are taken: split it")
        return rows

    def _score(self, call: Call, rows: Rows) -> tuple[Scored, Reply]:
        scored = call.served.model.score(rows, explain=call.explain, unify=call.unify)
        _check_finite(scored)
        scored = labelled(scored, call.threshold, call.served)
        return scored, call.reply(scored)


def labelled(scored: Scored, threshold: float | None, served: ServedModel) -> Scored:
    """The scores with labels by this threshold, by the model's own rule for ties; as they are for None."""
    if threshold is None:
        return scored
    metadata = served.model.metadata
    above = scored.scores > threshold + tolerance(threshold, metadata.score_scale, metadata.parity.tolerance)
    return scored._replace(labels=above.astype(np.int64))


def not_finite(score: float, row: int) -> Rejected:
    """The detector has no finite score for this row."""
    return Rejected(422, f"row {row} scores {score}: the detector has no finite score for it", row=row)


def _check_finite(scored: Scored) -> None:
    scores = scored.scores
    if len(scores) <= _FEW and all(map(math.isfinite, scores.tolist())):
        return
    finite = np.isfinite(scores)
    if finite.all():
        return
    row = int(finite.argmin()) + 1
    raise not_finite(scores[row - 1], row)
