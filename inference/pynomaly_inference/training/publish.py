"""The trainer's side of the registry: has this been trained, and here it is."""

import hashlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import ValidationError

from pynomaly_inference.errors import PynomalyError, RegistryUnavailable, ResourceInvalid
from pynomaly_inference.registry.contract import (
    DIGEST_HEADER,
    INFO_HEADER,
    MAX_MODEL_BYTES,
    MEBIBYTE,
    ModelInfo,
    Recorded,
    TrainingKey,
    encode_digest,
    encode_info,
)

_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
"""The registry stores a whole model between the last byte it reads and the first that it answers."""
_MAY_PASS = frozenset({401, 403, 408, 425, 429})
"""What another try may mend: a token that is being replaced, a service account or a registry that is being made."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often to try, and how long to wait in between: doubling, with jitter, at most `longest` seconds."""

    tries: int = 6
    first: float = 1.0
    longest: float = 15.0

    def seconds(self, tried: int) -> float:
        """The wait after so many tries."""
        most = min(self.longest, self.first * 2.0 ** (tried - 1))
        return random.uniform(most / 2, most)  # noqa: S311 - spreads the load, guards nothing


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes | None


class Registry:
    """The registry at a URL, spoken to with the token in a file; the file is read anew for each request, as it rotates.

    Every method raises RegistryUnavailable when the registry does not answer, or does not let this program in, for as
    long as the backoff lasts; PynomalyError when it refuses what no other try can mend.
    """

    def __init__(
        self,
        url: str,
        token: Path,
        *,
        backoff: Backoff | None = None,
        sleep: Callable[[float], None] = time.sleep,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._timeout = timeout

    def recorded(self, key: TrainingKey) -> Recorded | None:
        """The version that this fingerprint has, None when it has none."""
        response = self._request(_Request("GET", key.path, {}, None))
        return None if response.status_code == httpx.codes.NOT_FOUND else _parse(response)

    def publish(self, key: TrainingKey, content: bytes, info: ModelInfo) -> Recorded:
        """Records the model file; may be repeated. The answer is another model's when the fingerprint had one.

        Raises ResourceInvalid for a file that the registry is too small for.
        """
        if len(content) > MAX_MODEL_BYTES:
            raise _too_large(len(content))
        headers = {
            DIGEST_HEADER: encode_digest(hashlib.sha256(content).digest()),
            INFO_HEADER: encode_info(info),
            "Content-Type": "application/octet-stream",
        }
        response = self._request(_Request("PUT", key.path, headers, content))
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise _too_large(len(content))
        if not response.is_success:
            raise _refused(response)
        return _parse(response)

    def _request(self, request: _Request) -> httpx.Response:
        tried = 0
        while True:
            tried += 1
            answer = self._try(request)
            if isinstance(answer, httpx.Response) and not _may_pass(answer):
                return answer
            if tried == self._backoff.tries:
                raise RegistryUnavailable(f"the registry at {self._url} {_reason(answer)} (tried {tried} times)")
            self._sleep(self._backoff.seconds(tried))

    def _try(self, request: _Request) -> httpx.Response | str:
        """The answer, or why there is none."""
        try:
            token = self._token.read_text().strip()
        except OSError as error:
            return f"needs the token in `{self._token}`, which cannot be read: {error.strerror}"
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        try:
            # No proxy of the environment: the token is for the registry alone.
            with httpx.Client(timeout=self._timeout, trust_env=False, headers=headers) as client:
                return client.request(request.method, self._url + request.path, content=request.content)
        except httpx.HTTPError as error:
            return f"does not answer: {str(error) or type(error).__name__}"


def _may_pass(response: httpx.Response) -> bool:
    return response.is_server_error or response.status_code in _MAY_PASS


def _parse(response: httpx.Response) -> Recorded:
    if not response.is_success:
        raise _refused(response)
    try:
        return Recorded.model_validate_json(response.content)
    except ValidationError as error:
        raise PynomalyError(f"what answers at {response.url} is no registry of this version: {error}") from error


def _reason(answer: httpx.Response | str) -> str:
    return answer if isinstance(answer, str) else f"answers {_shown(answer)}"


def _refused(response: httpx.Response) -> PynomalyError:
    return PynomalyError(f"the registry refuses the model: {_shown(response)}")


def _shown(response: httpx.Response) -> str:
    """The status and, of a problem, its sentence."""
    status = f"{response.status_code} {response.reason_phrase}".strip()
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return status
    return f"{status}: {detail}"


def _too_large(size: int) -> ResourceInvalid:
    return ResourceInvalid(
        f"the model has {size / MEBIBYTE:.1f} MiB, more than the registry keeps: let `algorithm.parameters` ask for "
        "fewer or smaller parts (trees, neighbours), or train on fewer rows"
    )
