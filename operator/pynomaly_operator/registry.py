"""What the operator asks the registry: whether a fingerprint has a version. Files never pass through here."""

import asyncio
from pathlib import Path
from typing import Protocol

import aiohttp
from pydantic import ValidationError

from pynomaly_inference.registry.contract import LIVING_PATH, Forgetting, LivingDetectors, Recorded, TrainingKey
from pynomaly_operator.api.status import Metrics, ModelStatus
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import NOT_FOUND, RegistryUnavailable

OK = 200


class Registry(Protocol):
    """The durable record of what was trained."""

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """The version of this fingerprint; None when there is none. Raises RegistryUnavailable."""
        ...

    async def version(self, detector: Identity, number: int) -> ModelStatus | None:
        """The version of this number; None when there is none. Raises RegistryUnavailable."""
        ...


class HttpRegistry:
    """The registry over HTTP, as the operator's service account."""

    def __init__(self, url: str, token_file: Path, timeout: float = 10) -> None:
        """`timeout` bounds a whole request, in seconds. The token is read anew for each: the kubelet replaces it."""
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout))

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """See `Registry.recorded`."""
        key = TrainingKey(namespace=detector.namespace, uid=detector.uid, fingerprint=fingerprint)
        return await self._model(key.path)

    async def version(self, detector: Identity, number: int) -> ModelStatus | None:
        """See `Registry.version`."""
        return await self._model(f"/v1/detectors/{detector.namespace}/{detector.uid}/versions/{number}")

    async def tell_living(self, living: LivingDetectors) -> Forgetting:
        """Sends the list of all detectors that there are; see the contract. Raises RegistryUnavailable."""
        status, text = await self._ask("PUT", LIVING_PATH, living.model_dump_json(by_alias=True))
        try:
            return Forgetting.model_validate_json(self._expected(status, text))
        except ValidationError as error:
            raise RegistryUnavailable(f"the registry at {self._url} gave an answer that is none") from error

    async def _model(self, path: str) -> ModelStatus | None:
        status, text = await self._ask("GET", path)
        return None if status == NOT_FOUND else _model(self._expected(status, text), self._url)

    async def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        try:
            token = await asyncio.to_thread(self._token_file.read_text)
            headers = {"Authorization": f"Bearer {token.strip()}", "Content-Type": "application/json"}
            async with self._session.request(method, self._url + path, headers=headers, data=body) as response:
                return response.status, await response.text(errors="replace")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise RegistryUnavailable(
                f"the registry at {self._url} cannot be asked: {str(error) or type(error).__name__}"
            ) from error

    def _expected(self, status: int, text: str) -> str:
        if status != OK:
            raise RegistryUnavailable(f"the registry at {self._url} answered {status}: {text[:300]}")
        return text


def _model(text: str, url: str) -> ModelStatus:
    try:
        found = Recorded.model_validate_json(text)
    except ValidationError as error:
        raise RegistryUnavailable(f"the registry at {url} gave an answer that is none of a registry's") from error
    return ModelStatus(
        version=found.version,
        digest=found.digest,
        fingerprint=found.fingerprint,
        algorithm=found.model.algorithm,
        threshold=found.model.threshold,
        metrics=Metrics.model_validate(found.model.evaluation.model_dump()),
    )


class Remembering:
    """A registry whose found versions are remembered: a fingerprint's version never changes. Misses are asked again."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._found: dict[str, ModelStatus] = {}

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """See `Registry.recorded`; the last found version of each detector is remembered."""
        known = self._found.get(detector.uid)
        if known is not None and known.fingerprint == fingerprint:
            return known
        found = await self._registry.recorded(detector, fingerprint)
        if found is not None:
            self._found[detector.uid] = found
        return found

    async def version(self, detector: Identity, number: int) -> ModelStatus | None:
        """See `Registry.version`."""
        known = self._found.get(detector.uid)
        if known is not None and known.version == number:
            return known
        return await self._registry.version(detector, number)

    def forget(self, uid: str) -> None:
        """The detector is gone."""
        self._found.pop(uid, None)
