"""The only door to the API server for everything but watching: one aiohttp session.

kubernetes_asyncio finds the credentials (service account, kubeconfig, exec plug-ins) and keeps the token fresh. Its
requests are not used: their models cost more CPU than the whole of the rest of a write.
"""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from kubernetes_asyncio import client, config

from pynomaly_operator.encoding import encoded
from pynomaly_operator.errors import CONFLICT, NOT_FOUND, ApiError
from pynomaly_operator.fence import Fence, Open, fenced, seconds_for
from pynomaly_operator.manifest import Kind, Manifest
from pynomaly_operator.metrics import Metrics

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = "500"
SHOWN = 300
"""Characters of an unexpected answer that an error shows."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `params` are the query's."""

    method: str
    path: str
    body: object = None
    content_type: str = JSON
    accept: str = JSON
    params: Mapping[str, str] = field(default_factory=dict)


class Credentials:
    """Where the API server is, and as whom we speak to it."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._configuration = configuration

    @classmethod
    async def find(cls) -> Self:
        """The pod's service account, else what KUBECONFIG names."""
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # untyped there
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)
        return cls(configuration)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    @property
    def path(self) -> str:
        """What each request's path begins with: empty, or where a proxy has the API server."""
        return urlsplit(self.server).path.rstrip("/")

    def ssl_context(self) -> ssl.SSLContext:
        """Trusts the cluster's authority, and presents the client certificate if there is one."""
        context = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if self._configuration.cert_file:
            context.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        return context

    async def headers(self) -> dict[str, str]:
        """The Authorization header with the newest token; none when a certificate speaks for us.

        Raises ApiError when there is a token that cannot be had now.
        """
        try:
            token = await self._configuration.get_api_key_with_prefix("BearerToken")
        except (OSError, ValueError, config.ConfigException) as error:
            raise ApiError(0, f"the token for the API server cannot be read: {error}") from error
        return {"Authorization": token} if token else {}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may use."""

    connections: int = 32
    seconds: float = 30.0
    """For a whole request; a write may also take no longer than its fence is open."""


class Kube:
    """Requests to the API server. Every failure is an ApiError."""

    def __init__(
        self, credentials: Credentials, metrics: Metrics, fence: Fence | None = None, limits: Limits | None = None
    ) -> None:
        """Without a fence it writes whenever it is asked to."""
        limits = limits or Limits()
        self._credentials = credentials
        self._metrics = metrics
        self._fence = fence or Open()
        self._timeout = limits.seconds
        self._date = ""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=credentials.ssl_context(), limit=limits.connections, keepalive_timeout=60
            ),
            request_class=fenced(self._fence),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def send(self, request: Request) -> dict[str, Any]:
        """The answer, parsed. Raises ApiError, whatever goes wrong on the way."""
        headers = {
            "Content-Type": request.content_type,
            "Accept": request.accept,
            **await self._credentials.headers(),
        }
        try:
            async with self._asked(request, headers) as response:
                status, raw = response.status, await response.read()
        except (OSError, aiohttp.ClientError) as error:  # a TimeoutError is an OSError
            self._metrics.api_request(request.method, self._credentials.server)
            what = f"{request.method} {self._credentials.server}{request.path}"
            raise ApiError(0, f"the API server does not answer {what}: {str(error) or type(error).__name__}") from error
        self._metrics.api_request(request.method, self._credentials.server, status)
        if not response.ok or status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ApiError(status, _reason(raw), _seconds(response.headers.get("Retry-After")))
        self._date = response.headers.get("Date", "")
        return _parsed(request, response, raw)

    @property
    def server_time(self) -> datetime | None:
        """What the API server's clock was at its last answer, to the second; None when it did not say.

        The times in its objects are told by the same clock, and ours may be off by hours.
        """
        try:
            told = parsedate_to_datetime(self._date)
        except ValueError:
            return None
        return None if told.tzinfo is None else told

    def _asked(
        self, request: Request, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            request.method,
            self._credentials.server + request.path,
            params=request.params,
            data=None if request.body is None else encoded(request.body),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=seconds_for(self._fence, request.method, self._timeout)),
            allow_redirects=False,  # the API server sends none: whoever does is no place for a token
        )

    async def version(self) -> tuple[int, int]:
        """The server's major and minor version."""
        answer = await self.send(Request("GET", "/version"))
        try:
            return int(answer["major"]), int("".join(c for c in answer["minor"] if c.isdigit()))
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(0, f"GET /version was answered with no version of Kubernetes: {_start(answer)}") from error

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """The object's metadata, the whole object for kinds that are read whole; None when it is not there."""
        try:
            return await self.send(Request("GET", kind.path(namespace, name), accept=_accept(kind)))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def metadata(self, kind: Kind, selector: str = "", namespace: str | None = None) -> AsyncIterator[Manifest]:
        """The metadata of every object of the kind that the labels select, in a namespace or in all of them."""
        async for page in self.pages(kind, selector, namespace):
            for item in page["items"] or ():  # null, not [], when there are none
                yield item["metadata"]

    async def pages(self, kind: Kind, selector: str = "", namespace: str | None = None) -> AsyncIterator[Manifest]:
        """A list of metadata a page at a time, as of one moment after the call; 410 when that is too long ago."""
        params = {"limit": PAGE} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self._page(Request("GET", kind.path(namespace), accept=METADATA_LIST, params=params))
            yield page
            if not (following := page["metadata"].get("continue")):
                return
            params = {**params, "continue": following}

    async def list(self, kind: Kind, namespace: str, **selectors: str) -> list[Manifest]:
        """The whole objects of the kind in a namespace that `labelSelector` and `fieldSelector` select."""
        answer = await self._page(Request("GET", kind.path(namespace), params=selectors))
        items: list[Manifest] = answer["items"] or []
        return items

    async def _page(self, request: Request) -> dict[str, Any]:
        answer = await self.send(request)
        if not ("items" in answer and isinstance(answer.get("metadata"), dict)):
            raise ApiError(0, f"GET {request.path} was answered with no list: {_start(answer)}")
        return answer

    async def apply(self, kind: Kind, body: Manifest, manager: str) -> dict[str, Any]:
        """Server-side apply, by force: our fields are ours. The caller checks that the object is not foreign."""
        return await self._apply(
            kind.path(body["metadata"]["namespace"], body["metadata"]["name"]), kind, body, manager
        )

    async def apply_status(self, kind: Kind, body: Manifest, manager: str) -> dict[str, Any]:
        """Server-side apply of the status alone."""
        path = kind.path(body["metadata"]["namespace"], body["metadata"]["name"]) + "/status"
        return await self._apply(path, kind, body, manager)

    async def _apply(self, path: str, kind: Kind, body: Manifest, manager: str) -> dict[str, Any]:
        params = {"fieldManager": manager, "force": "true"}
        return await self.send(Request("PATCH", path, body, APPLY, _accept(kind), params))

    async def create(self, kind: Kind, body: Manifest, manager: str) -> dict[str, Any]:
        """A new object; 409 when the name is taken."""
        path = kind.path(body["metadata"]["namespace"])
        return await self.send(Request("POST", path, body, accept=_accept(kind), params={"fieldManager": manager}))

    async def merge(self, kind: Kind, namespace: str, name: str, body: Manifest) -> dict[str, Any]:
        """A JSON merge patch (RFC 7396)."""
        return await self.send(Request("PATCH", kind.path(namespace, name), body, MERGE, _accept(kind)))

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes exactly this object and what it owns; nothing when it is gone or another has its name."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        try:
            await self.send(Request("DELETE", kind.path(namespace, name), options))
        except ApiError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise


def _accept(kind: Kind) -> str:
    return JSON if kind.whole else METADATA_ONLY


def _parsed(request: Request, response: aiohttp.ClientResponse, raw: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(raw)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    what = f"{request.method} {response.url.path} was answered with {response.content_type} instead of a JSON object"
    raise ApiError(0, f"{what}; a proxy before the API server? {_start(raw)}")


def _start(answer: bytes | dict[str, Any]) -> str:
    """Enough of an answer to see who gave it."""
    return answer[:SHOWN].decode(errors="replace") if isinstance(answer, bytes) else json.dumps(answer)[:SHOWN]


def _reason(raw: bytes) -> str:
    """The message of a Status object, or what was sent instead of one."""
    try:
        return str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        return _start(raw)


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; the API server never sends a date."""
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else None
