"""`gs://BUCKET/KEY` sources: Google Cloud Storage, or an emulator at STORAGE_EMULATOR_HOST.

Without GOOGLE_CREDENTIALS requests are anonymous: no file or metadata service of this machine is asked for more.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

# Not gcsfs's own choice of class: that one may speak gRPC, whose connections are not made in Python, past the guard.
from gcsfs.core import GCSFileSystem

from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.object_store import Objects, download
from pynomaly_inference.datasets.remote import Remote
from pynomaly_inference.errors import ResourceInvalid

_SECONDS = 60.0


def fetch(remote: Remote, folder: Path) -> tuple[SourceFile, ...]:
    """See `remote.Fetch`."""
    return download(_store(remote.environment), Objects.parse(remote.uri), folder)


@asynccontextmanager
async def _store(environment: Mapping[str, str]) -> AsyncIterator[Any]:
    store = GCSFileSystem(
        token=_token(environment.get("GOOGLE_CREDENTIALS")),
        access="read_only",
        endpoint_url=environment.get("STORAGE_EMULATOR_HOST"),
        requests_timeout=_SECONDS,
        asynchronous=True,
        skip_instance_cache=True,
    )
    session = await store._set_session()  # noqa: SLF001 - what gcsfs documents for asynchronous use
    try:
        yield store
    finally:
        await session.close()


def _token(content: str | None) -> Any:
    """Only a service account's own key: other kinds name files and programs of this machine."""
    if content is None:
        return "anon"
    try:
        token = json.loads(content)
    except ValueError as error:
        raise ResourceInvalid("GOOGLE_CREDENTIALS is not JSON: give the content of a service account's key") from error
    if not isinstance(token, dict) or token.get("type") != "service_account":
        raise ResourceInvalid("GOOGLE_CREDENTIALS is not the key of a service account: its `type` says so")
    return token
