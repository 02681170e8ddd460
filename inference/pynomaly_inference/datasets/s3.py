"""`s3://BUCKET/KEY` sources: Amazon's, and whatever speaks its protocol at AWS_ENDPOINT_URL.

Without AWS_ACCESS_KEY_ID requests are anonymous: no file or metadata service of this machine is asked for more.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import s3fs

from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.object_store import Objects, download
from pynomaly_inference.datasets.remote import Remote

_CLIENT = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3, "mode": "standard"}}


def fetch(remote: Remote, folder: Path) -> tuple[SourceFile, ...]:
    """See `remote.Fetch`."""
    return download(_store(remote.environment), Objects.parse(remote.uri), folder)


@asynccontextmanager
async def _store(environment: Mapping[str, str]) -> AsyncIterator[Any]:
    region = environment.get("AWS_REGION")
    store = s3fs.S3FileSystem(
        anon="AWS_ACCESS_KEY_ID" not in environment,
        key=environment.get("AWS_ACCESS_KEY_ID"),
        secret=environment.get("AWS_SECRET_ACCESS_KEY"),
        token=environment.get("AWS_SESSION_TOKEN"),
        endpoint_url=environment.get("AWS_ENDPOINT_URL"),
        client_kwargs={"region_name": region} if region else {},
        config_kwargs=_CLIENT,
        asynchronous=True,
        skip_instance_cache=True,
    )
    session = await store.set_session()
    try:
        yield store
    finally:
        await session.close()
