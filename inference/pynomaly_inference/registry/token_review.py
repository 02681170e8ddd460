"""Kubernetes' TokenReview, asked over plain HTTP.

kubernetes-asyncio would do it too; importing it costs 110 MB and seconds, for one request with a token and a CA.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from pydantic import BaseModel

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry.auth import Review, ReviewerUnavailable

_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
_MOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class _User(BaseModel):
    username: str = ""


class _Status(BaseModel):
    authenticated: bool = False
    user: _User = _User()
    audiences: tuple[str, ...] = ()


class _TokenReview(BaseModel):
    status: _Status


@dataclass(frozen=True, slots=True)
class ApiServer:
    """Where the API server is, and the files that let this program talk to it. The token's file is replaced in time."""

    url: str
    ca: Path
    token: Path


def in_cluster(environ: Mapping[str, str] = os.environ, mount: Path = _MOUNT) -> ApiServer:
    """The API server of the cluster that this pod is in; raises PynomalyError outside of one."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (mount / "token").exists():
        raise PynomalyError(
            "the registry asks Kubernetes who calls it, and this is no pod with a service account's token: "
            "run it in a cluster, with the chart"
        )
    shown = f"[{host}]" if ":" in host else host
    return ApiServer(f"https://{shown}:{port}", mount / "ca.crt", mount / "token")


@asynccontextmanager
async def reviewing(server: ApiServer) -> AsyncIterator["KubernetesReviewer"]:
    """A reviewer with connections of its own, closed when the block ends."""
    context = ssl.create_default_context(cafile=str(server.ca))
    connector = aiohttp.TCPConnector(ssl=context, limit=16)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        yield KubernetesReviewer(server, session)


class KubernetesReviewer:
    """A `TokenReviewer`."""

    def __init__(self, server: ApiServer, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def review(self, token: str, audience: str) -> Review:
        """See `TokenReviewer`."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        try:
            own = (await asyncio.to_thread(self._server.token.read_text)).strip()
            headers = {"Authorization": f"Bearer {own}"}
            async with self._session.post(
                self._server.url + _PATH, json=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 201:  # noqa: PLR2004 - HTTP's own number: a review is created
                    raise ReviewerUnavailable(f"the API server answers a TokenReview with {response.status}")
                return _parse(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ReviewerUnavailable(f"the API server cannot be asked: {error!r}") from error


def _parse(answer: bytes) -> Review:
    """Raises ValueError for anything but a TokenReview that has a status."""
    status = _TokenReview.model_validate_json(answer).status
    return Review(status.authenticated, status.user.username, status.audiences)
