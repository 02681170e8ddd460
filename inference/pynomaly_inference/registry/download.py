"""A model file as a response."""

import asyncio
import logging

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pynomaly_inference.registry import artifacts
from pynomaly_inference.registry.artifacts import Artifact
from pynomaly_inference.registry.contract import DIGEST_HEADER, encode_digest
from pynomaly_inference.registry.services import Services

_log = logging.getLogger(__name__)


class NotModified(Response):
    """The caller has the file already."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(status_code=304, headers=_identity(artifact))


class Download(Response):
    """The file, a piece at a time as the client takes them.

    It waits for its turn, and one that takes too long is broken off: its Content-Length tells the client.
    """

    media_type = "application/octet-stream"

    def __init__(self, artifact: Artifact, parts: Services) -> None:
        headers = {
            **_identity(artifact),
            "Content-Length": str(artifact.size),
            DIGEST_HEADER: encode_digest(bytes.fromhex(artifact.digest)),
        }
        super().__init__(headers=headers)
        self._artifact = artifact
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        del receive
        seconds = self._parts.settings.transfer_seconds
        async with self._parts.downloads:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async with asyncio.timeout(seconds):
                    await self._send_content(send)
            except TimeoutError:
                _log.warning("%s: a download took longer than %g s and was broken off", scope["path"], seconds)

    async def _send_content(self, send: Send) -> None:
        sent = 0
        async for piece in artifacts.content(self._parts.database, self._artifact):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += len(piece)
        if sent == self._artifact.size:  # else it was deleted meanwhile; an incomplete answer closes the connection
            await send({"type": "http.response.body", "body": b""})


def _identity(artifact: Artifact) -> dict[str, str]:
    return {"ETag": f'"{artifact.digest}"', "Cache-Control": "private, max-age=31536000, immutable"}
