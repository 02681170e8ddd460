"""`serving.json`: which model a cluster's server is to serve, and where it is kept."""

import hashlib
import ssl
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Literal
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pynomaly_inference.errors import ModelLoadFailed, RegistryUnavailable, ResourceInvalid

MAX_MODEL_BYTES = 256 * 1024 * 1024
FETCH_SECONDS = 30.0
"""How long the registry may be silent."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectorIdentity(_Part):
    """The detector as the cluster knows it."""

    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    name: str
    uid: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]


class WantedModel(_Part):
    """One version of the detector's model."""

    version: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ServingFile(_Part):
    """The content of `serving.json`."""

    format: Literal[1]
    detector: DetectorIdentity
    registry: Annotated[str, Field(pattern=r"^https?://")]
    stable: WantedModel | None
    candidate: None = None


def read_serving_file(path: Path) -> ServingFile:
    """What the file says now; raises ResourceInvalid when it cannot be read or is not of this format."""
    try:
        return ServingFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResourceInvalid(f"cannot read `{path}`: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ResourceInvalid(f"`{path}`: {where}: {first['msg']}") from error


def fetch_model(serving: ServingFile, wanted: WantedModel, token_file: Path) -> bytes:
    """The model file from the registry, its digest checked.

    The token is read anew for each fetch: the kubelet replaces it. Raises RegistryUnavailable when trying again may
    help, ModelLoadFailed when the registry has no such file or another one.
    """
    detector = serving.detector
    url = f"{serving.registry.rstrip('/')}/v1/detectors/{detector.namespace}/{detector.uid}/models/{wanted.digest}"
    # No proxy of the environment: the token is for the registry alone.
    opener = build_opener(ProxyHandler({}))
    try:
        request = Request(url, headers={"Authorization": f"Bearer {token_file.read_text().strip()}"})  # noqa: S310 - the pattern of `registry` allows http and https only
        with opener.open(request, timeout=FETCH_SECONDS) as response:
            content: bytes = response.read(MAX_MODEL_BYTES + 1)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            raise ModelLoadFailed(f"the registry has no model sha256:{wanted.digest} of this detector") from error
        raise RegistryUnavailable(f"the registry at {serving.registry} answers {error.code} {error.reason}") from error
    except (URLError, HTTPException, ssl.SSLError, OSError) as error:
        raise RegistryUnavailable(f"the registry at {serving.registry} cannot be asked: {error}") from error
    if hashlib.sha256(content).hexdigest() != wanted.digest:
        raise RegistryUnavailable(f"what the registry at {serving.registry} sent is not sha256:{wanted.digest}")
    return content
