"""HTTP without a client library: whether a component answers, and the few requests of a start."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.certificates import Identity
from tests.cluster.errors import ClusterError

_TIMEOUT = 10


def answers(url: str) -> bool:
    """Whether a plain GET is answered with 200; a refused or broken connection is a no."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(frozen=True)
class ApiClient:
    """Requests to an API server as one user. A start makes many, and a kubectl for each would take the most of it."""

    url: str
    authority: Path
    user: Identity

    def has(self, path: str) -> bool:
        """Whether a GET is answered with 200; a refused or broken connection is a no."""
        try:
            return self._request("GET", path)[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False

    def read(self, path: str) -> Any:
        """The JSON at a path."""
        return self._expected("GET", path, None, http.HTTPStatus.OK)

    def create(self, path: str, manifest: Mapping[str, Any]) -> None:
        """Creates an object in the collection at `path`."""
        self._expected("POST", path, manifest, http.HTTPStatus.CREATED)

    def _expected(self, method: str, path: str, body: Mapping[str, Any] | None, wanted: http.HTTPStatus) -> Any:
        status, answer = self._request(method, path, body)
        if status != wanted:
            raise ClusterError(f"{method} {path} was answered with {status}: {answer.decode(errors='replace')}")
        return json.loads(answer)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.user.certificate, self.user.key)
        parts = urlsplit(self.url)
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT, context=context)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
