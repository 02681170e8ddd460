"""Runs a scoring request: at once when it is cheap, on a thread when it would hold up the event loop."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from pynomaly_inference.bundle import tolerance
from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.metrics import Metrics
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected

DECODE_INLINE_BYTES = 256 * 1024
"""About half a millisecond of JSON."""


class Scorer:
    """Scores calls. `most_rows` is the limit of one request, None for none."""

    def __init__(self, metrics: Metrics, most_rows: int | None) -> None:
        self._metrics = metrics
        self._most_rows = most_rows
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "score")

    async def answer(self, call: Call, body: bytes) -> Reply:
        """The reply to a call with this body; raises Rejected."""
        try:
            scored, reply = await self._run(call, body)
        except Rejected:
            self._metrics.rejected(call.served)
            raise
        self._metrics.scored(call.served, scored)
        return reply

    async def _run(self, call: Call, body: bytes) -> tuple[Scored, Reply]:
        if len(body) > DECODE_INLINE_BYTES:
            return await self._on_thread(lambda: self._score(call, self._decode(call, body)))
        rows = self._decode(call, body)
        extra = call.explain or call.unify
        if len(rows) <= (call.served.inline_rows_extra if extra else call.served.inline_rows):
            return self._score(call, rows)
        return await self._on_thread(lambda: self._score(call, rows))

    async def _on_thread(self, work: Callable[[], tuple[Scored, Reply]]) -> tuple[Scored, Reply]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _decode(self, call: Call, body: bytes) -> Rows:
        rows = call.decode(body)
        if self._most_rows is not None and len(rows) > self._most_rows:
            raise Rejected(413, f"the request has {len(rows)} rows; at most {self._most_rows} are taken: split it")
        return rows

    def _score(self, call: Call, rows: Rows) -> tuple[Scored, Reply]:
        scored = call.served.model.score(rows, explain=call.explain, unify=call.unify)
        finite = np.isfinite(scored.scores)
        if not finite.all():
            row = int(finite.argmin()) + 1
            raise Rejected(
                422, f"row {row} scores {scored.scores[row - 1]}: the detector has no finite score for it", row=row
            )
        if call.threshold is not None:
            scale = call.served.model.metadata.score_scale
            above = scored.scores > call.threshold + tolerance(call.threshold, scale)
            scored = replace(scored, labels=above.astype(np.int64))
        return scored, call.reply(scored)

    def close(self) -> None:
        """Lets go of the threads once their work is done."""
        self._pool.shutdown(wait=False)
