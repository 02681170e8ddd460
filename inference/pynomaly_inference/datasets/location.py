"""From a source's URI to local files. A new scheme is a module of its own and a line here."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pynomaly_inference.datasets import local, mounts, web
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import ResourceInvalid

Scheme = Callable[[str, Places], AbstractContextManager[tuple[SourceFile, ...]]]

SCHEMES: Mapping[str, Scheme] = {
    "file": local.located,
    "pvc": mounts.located,
    "configmap": mounts.located,
    "http": web.located,
    "https": web.located,
}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def located(uri: str, places: Places) -> AbstractContextManager[tuple[SourceFile, ...]]:
    """The source's files, on this machine while the context is open; sorted by name.

    Raises ResourceInvalid when the URI cannot be meant, SourceUnreachable when nothing can be read there now.
    """
    if places.data is not None:
        return nullcontext(local.matching(str(places.data), Path()))
    match = _SCHEME.match(uri)
    if match is None:
        return local.located(uri, places)
    scheme = SCHEMES.get(match[1].lower())
    if scheme is None:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ResourceInvalid(f"`{match[1]}://` is no known scheme of `training.source.uri`: use {known} or a path")
    return scheme(uri, places)
