"""Answers to lists and watches that kopf would end of, made into such that it goes on after.

kopf takes any error but 429, and a 403 or 5xx of more than some seconds, for the end of the operator: then a proxy that
answers 503 while the API server is upgraded, or a right that is missing for a moment, would stop everything.
"""

import json
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp

from pynomaly_operator.watch_lines import whole_lines

log = logging.getLogger(__name__)

EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": HTTPStatus.GONE}
EXPIRY = json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n"
_KOPFS_OWN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
"""It logs in again, or waits for as long as it is asked to."""


_ERROR = b'{"type":"ERROR"'


def survivable(path: str, response: aiohttp.ClientResponse, *, watched: bool) -> None:
    """Raises aiohttp.ClientConnectionError, which kopf tries again, for an error; a watch that expired begins anew."""
    if response.ok or response.status in _KOPFS_OWN:
        return
    if watched and response.status == HTTPStatus.GONE:
        # As the API server says it when the stream has begun: what kopf understands.
        response.status = HTTPStatus.OK
        response.content = _Expired()  # type: ignore[assignment]  # kopf reads nothing but this attribute
        return
    response.close()
    raise aiohttp.ClientConnectionError(f"{path} was answered with {response.status}")


def begin_anew_on_error(response: aiohttp.ClientResponse) -> None:
    """Makes every error in a watch's stream one of expiry: whatever went wrong, to begin anew is the answer."""
    response.content = _Survivable(response.content)  # type: ignore[assignment]  # kopf reads nothing but this attribute


class _Expired:
    """A watch's stream that says that its resourceVersion has expired, and ends."""

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """See `aiohttp.StreamReader.iter_chunked`."""
        yield EXPIRY


class _Survivable:
    """A watch's stream in which every error reads as expiry."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """See `aiohttp.StreamReader.iter_chunked`; in whole lines."""
        async for lines in whole_lines(self._stream, size):
            left = b"\n".join(map(_survivable, lines.split(b"\n"))) if _ERROR in lines else lines
            yield left + b"\n"


def _survivable(line: bytes) -> bytes:
    if not line.startswith(_ERROR):
        return line
    log.warning("a watch begins anew: %s", line[:500].decode(errors="replace"))
    return EXPIRY.rstrip()
