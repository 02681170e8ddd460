"""Sources elsewhere on the network: fetched into a temporary folder, where they may be fetched from."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pynomaly_inference.credentials import unseen
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.guard import guarded
from pynomaly_inference.datasets.places import Places


@dataclass(frozen=True, slots=True)
class Remote:
    """What is to be fetched, and by which credentials.

    query: what a database is asked. environment: variables, of which those of `credentials.VARIABLES` count.
    """

    uri: str
    query: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


Fetch = Callable[[Remote, Path], tuple[SourceFile, ...]]
"""Fetches into a folder. Raises SourceUnreachable for all that another try may cure, ResourceInvalid and DataRejected
for the rest; the guard and the redaction of secrets are the caller's."""


@contextmanager
def fetched(fetch: Fetch, remote: Remote, places: Places) -> Iterator[tuple[SourceFile, ...]]:
    """The source's files, removed when the context ends."""
    with tempfile.TemporaryDirectory(prefix="pynomaly-") as folder:
        with unseen(remote.environment), guarded(places.destinations):
            files = fetch(remote, Path(folder))
        yield files
