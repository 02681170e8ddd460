"""`azure://CONTAINER/PATH` sources, also `abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`: Azure Blob Storage.

Without a key, a SAS token or a connection string requests are anonymous: nothing else of this machine is asked.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adlfs import AzureBlobFileSystem
from fsspec.asyn import sync

from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.object_store import Objects, download
from pynomaly_inference.datasets.remote import Remote
from pynomaly_inference.errors import ResourceInvalid

_WITH_ACCOUNT = re.compile(r"(?P<container>[^@]+)@(?P<account>[a-z0-9]{3,24})\.(dfs|blob)\.core\.windows\.net")


def fetch(remote: Remote, folder: Path) -> tuple[SourceFile, ...]:
    """See `remote.Fetch`."""
    objects = Objects.parse(remote.uri)
    account = remote.environment.get("AZURE_STORAGE_ACCOUNT_NAME")
    found = _WITH_ACCOUNT.fullmatch(objects.bucket)
    if found is not None:
        objects, account = Objects(objects.scheme, found["container"], objects.key), found["account"]
    if account is None and "AZURE_STORAGE_CONNECTION_STRING" not in remote.environment:
        raise ResourceInvalid(f"`{remote.uri}` names no account: set AZURE_STORAGE_ACCOUNT_NAME")
    return download(_store(account, remote.environment), objects, folder)


@asynccontextmanager
async def _store(account: str | None, environment: Mapping[str, str]) -> AsyncIterator[Any]:
    key, sas = environment.get("AZURE_STORAGE_ACCOUNT_KEY"), environment.get("AZURE_STORAGE_SAS_TOKEN")
    connection = environment.get("AZURE_STORAGE_CONNECTION_STRING")
    store = AzureBlobFileSystem(
        account_name=account,
        account_key=key,
        sas_token=sas,
        connection_string=connection,
        anon=not (key or sas or connection),
        skip_instance_cache=True,
    )
    try:
        yield _Threaded(store)
    finally:
        await asyncio.to_thread(sync, store.loop, store.service_client.close)


class _Threaded:
    """The store on fsspec's own thread: only there can adlfs clean up when the program ends."""

    def __init__(self, store: AzureBlobFileSystem) -> None:
        self._store = store

    async def _glob(self, path: str, *, detail: bool) -> Any:
        return await asyncio.to_thread(self._store.glob, path, detail=detail)

    async def _get_file(self, path: str, target: str) -> None:
        await asyncio.to_thread(self._store.get_file, path, target)
