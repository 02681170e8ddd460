"""Asking serving pods what they serve, on their management port."""

from typing import Protocol

import aiohttp
from pydantic import ValidationError

from pynomaly_operator.desired.commands import MANAGEMENT_PORT
from pynomaly_operator.pod_report import PodReport


class ServingPods(Protocol):
    """Asks pods what they serve."""

    async def report(self, address: str) -> PodReport | None:
        """What the pod at this IP address says; None when it does not answer now."""
        ...


MOST_BYTES = 64 * 1024
"""Of a pod's answer; a longer one is none of a server's."""


class HttpServingPods:
    """Pods over HTTP."""

    def __init__(self, port: int = MANAGEMENT_PORT, timeout: float = 2) -> None:
        """`timeout` bounds a whole request, in seconds."""
        self._port = port
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout))

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def report(self, address: str) -> PodReport | None:
        """See `ServingPods.report`."""
        host = f"[{address}]" if ":" in address else address
        try:
            url = f"http://{host}:{self._port}/status"
            # Anyone in the namespace may run a pod that looks like a server: it leads nowhere else, and says little.
            async with self._session.get(url, allow_redirects=False) as response:
                response.raise_for_status()
                return PodReport.model_validate_json(await _start_of(response))
        except (TimeoutError, aiohttp.ClientError, ValidationError):
            return None


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    """The body, or its first `MOST_BYTES`."""
    body = bytearray()
    while len(body) < MOST_BYTES and (piece := await response.content.read(MOST_BYTES - len(body))):
        body += piece
    return bytes(body)
