"""Answers to lists and watches that kopf would end of, made into such that it goes on after.

kopf takes any error but 429, and a 403 or 5xx of more than some seconds, for the end of the operator: then a proxy that
answers 503 while the API server is upgraded, or a right that is missing for a moment, would stop everything.
"""

import json
from collections.abc import AsyncIterator
from http import HTTPStatus

import aiohttp

EXPIRED = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": HTTPStatus.GONE}
_KOPFS_OWN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
"""It logs in again, or waits for as long as it is asked to."""


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


class _Expired:
    """A watch's stream that says that its resourceVersion has expired, and ends."""

    async def iter_chunked(self, _: int) -> AsyncIterator[bytes]:
        """See `aiohttp.StreamReader.iter_chunked`."""
        yield json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n"
