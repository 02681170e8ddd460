"""From a source's URI to local files. A new scheme is a module of its own and a line here."""

import importlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pynomaly_inference.datasets import local, mounts
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.datasets.remote import Fetch, Remote, fetched
from pynomaly_inference.errors import PynomalyError, ResourceInvalid

Scheme = Callable[[str, Places], AbstractContextManager[tuple[SourceFile, ...]]]

HERE: Mapping[str, Scheme] = {"file": local.located, "pvc": mounts.located, "configmap": mounts.located}

ELSEWHERE: Mapping[str, str] = {
    "http": "web",
    "https": "web",
    "s3": "s3",
    "gs": "gs",
    "azure": "azure",
    "abfs": "azure",
    "postgresql": "postgresql",
}
"""The module that has the scheme's `fetch`, loaded when it is needed: some clients take a second to load."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def located(uri: str, places: Places, query: str | None = None) -> AbstractContextManager[tuple[SourceFile, ...]]:
    """The source's files, on this machine while the context is open; sorted by name.

    Raises ResourceInvalid when the URI cannot be meant, SourceUnreachable when nothing can be read there now,
    SourceNotAllowed when it leads to where `places` allows no connection.
    """
    if places.data is not None:
        return nullcontext(local.matching(str(places.data), Path()))
    match = _SCHEME.match(uri)
    if match is None:
        return local.located(uri, places)
    name = match[1].lower()
    if name in HERE:
        return HERE[name](uri, places)
    if name in ELSEWHERE:
        return fetched(_fetch(name), Remote(uri, query, places.environment), places)
    known = ", ".join(f"{name}://" for name in (*HERE, *ELSEWHERE))
    raise ResourceInvalid(f"`{match[1]}://` is no known scheme of `training.source.uri`: use {known} or a path")


def _fetch(scheme: str) -> Fetch:
    try:
        fetch: Fetch = importlib.import_module(f"pynomaly_inference.datasets.{ELSEWHERE[scheme]}").fetch
    except ModuleNotFoundError as error:
        raise PynomalyError(
            f"{scheme}:// needs the module `{error.name}`: pip install 'pynomaly-operator[sources]'"
        ) from error
    return fetch
