"""What object stores have in common: buckets of objects, found by key or glob, and downloaded."""

import asyncio
import glob
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from pynomaly_inference.datasets.formats import SourceFile, known_format
from pynomaly_inference.errors import PynomalyError, ResourceInvalid, SourceUnreachable

FileSystem = AbstractAsyncContextManager[Any]
"""An asynchronous fsspec file system, connected while the context is open."""

_OBJECT = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Objects:
    """A bucket's object, or those that a glob (`*`, `?`, `[…]`, `**`) matches."""

    scheme: str
    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Raises ResourceInvalid for a URI that names no object."""
        found = _OBJECT.fullmatch(uri)
        if found is None:
            raise ResourceInvalid(f"`{uri}` names no object: write SCHEME://BUCKET/KEY, such as s3://data/*.parquet")
        return cls(found["scheme"].lower(), found["bucket"], found["key"])

    def named(self, path: str) -> str:
        """What messages call the object of this path, bucket first."""
        return f"{self.scheme}://{path}"


def download(store: FileSystem, objects: Objects, folder: Path) -> tuple[SourceFile, ...]:
    """The objects as files in the folder, sorted by name; raises the errors of `remote.Fetch`."""
    name = objects.named(f"{objects.bucket}/{objects.key}")
    try:
        return asyncio.run(_download(store, objects, folder))
    except FileNotFoundError as error:
        raise SourceUnreachable(f"there is no `{name}`") from error
    except PermissionError as error:
        raise SourceUnreachable(f"`{name}` may not be read with these credentials: {error}") from error
    except PynomalyError:
        raise
    except Exception as error:  # each store's client has dozens of errors, of no common class
        raise SourceUnreachable(f"`{name}` cannot be fetched: {error or type(error).__name__}") from error


async def _download(store: FileSystem, objects: Objects, folder: Path) -> tuple[SourceFile, ...]:
    async with store as files:
        paths = await _matching(files, objects)
        found = [
            SourceFile(folder / str(index), objects.named(path), known_format(PurePosixPath(path).name, path))
            for index, path in enumerate(paths)
        ]
        for path, file in zip(paths, found, strict=True):
            await files._get_file(path, str(file.path))  # noqa: SLF001 - what fsspec documents for asynchronous use
    return tuple(found)


async def _matching(files: Any, objects: Objects) -> list[str]:
    path = f"{objects.bucket}/{objects.key}"
    if not glob.has_magic(objects.key):
        return [path]
    listed = await files._glob(path, detail=True)  # noqa: SLF001 - what fsspec documents for asynchronous use
    paths = sorted(name for name, information in listed.items() if information["type"] == "file")
    if not paths:
        raise SourceUnreachable(f"no object matches `{objects.named(path)}`")
    return paths
