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
            async with self._session.get(f"http://{host}:{self._port}/status") as response:
                response.raise_for_status()
                return PodReport.model_validate_json(await response.read())
        except (TimeoutError, aiohttp.ClientError, ValidationError):
            return None
