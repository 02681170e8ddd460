"""What serving pods say of themselves, on their management port."""

from typing import Protocol

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from pynomaly_operator.desired.commands import MANAGEMENT_PORT


class Problem(BaseModel):
    """Why a pod could not load a model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: str
    """The model that it could not load."""
    reason: str = "ModelLoadFailed"
    message: str = ""


class Served(BaseModel):
    """A model that a pod has loaded."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    digest: str


class PodReport(BaseModel):
    """The answer to `GET /status`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stable: Served | None = None
    """The model that answers."""
    problem: Problem | None = None
    """The last failure to load the model that `serving.json` names; None once it is loaded."""


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
