"""Answers compressed by gzip, for clients that ask for it."""

import gzip
from collections.abc import Mapping
from functools import lru_cache

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.server.http import Reply
from pynomaly_inference.server.scorer import Deferred

LEAST_BYTES = 1000
"""Below, the packets are as many and the work is for nothing."""
LEVEL = 1
"""Numbers shrink little more at higher levels, which cost several times as much."""
_HEADERS = ((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))


def compressed(reply: Reply | Deferred, headers: Mapping[bytes, bytes]) -> Reply | Deferred:
    """The reply to a request with these headers, compressed if that is worth it; a later one by its own thread."""
    if not accepts_gzip(headers.get(b"accept-encoding", b"")):
        return reply
    return _later(reply) if isinstance(reply, Deferred) else _gzip(reply)


@lru_cache(maxsize=256)
def accepts_gzip(accepted: bytes) -> bool:
    """Whether `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3); one that is not there asks for nothing."""
    weights = {}
    for item in accepted.lower().split(b","):
        coding, _, parameter = item.partition(b";")
        weights[coding.strip()] = parameter.replace(b" ", b"").removeprefix(b"q=").strip(b"0.") != b"" or not parameter
    return weights.get(b"gzip", weights.get(b"*", False))


def _later(deferred: Deferred) -> Deferred:
    def work() -> tuple[Scored, Reply]:
        scored, reply = deferred.work()
        return scored, _gzip(reply)

    return Deferred(deferred.call, work)


def _gzip(reply: Reply) -> Reply:
    if len(reply.body) < LEAST_BYTES:
        return reply
    return Reply(reply.status, reply.media, gzip.compress(reply.body, LEVEL, mtime=0), (*reply.headers, *_HEADERS))
