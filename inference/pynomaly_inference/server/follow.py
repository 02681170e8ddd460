"""Keeps a cluster's server at the model that `serving.json` names, without a restart."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.scoring.model import Model
from pynomaly_inference.server.serving_file import ServingFile, WantedModel, read_serving_file
from pynomaly_inference.server.table import ServedModel, served

_log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often the file is looked at. The kubelet replaces it by a link, which no watch of the file itself would see."""
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 15.0

Fetch = Callable[[ServingFile, WantedModel], bytes]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the model that the file names is not served."""

    digest: str
    reason: str
    message: str


@dataclass(slots=True)
class Following:
    """What a server serves, and what keeps it from what it should."""

    stable: WantedModel | None = None
    problem: Problem | None = None


class Follower:
    """Loads what the file names and installs it between two requests; on failure what was there goes on serving.

    fetch: the bytes of a model; runs in a thread. install: puts a proven model to work. state: for others to read.
    """

    def __init__(self, path: Path, fetch: Fetch, install: Callable[[ServedModel], None]) -> None:
        self.state = Following()
        self._path = path
        self._fetch = fetch
        self._install = install

    async def run(self) -> None:
        """Follows the file until it is cancelled; a failure is tried again, at first soon and then more seldom."""
        wait = FIRST_RETRY_SECONDS
        while True:
            seen = await asyncio.to_thread(_content, self._path)
            if await self._look():
                wait = FIRST_RETRY_SECONDS
                await self._changed(seen, math.inf)
            elif await self._changed(seen, wait):
                wait = FIRST_RETRY_SECONDS
            else:
                wait = min(LONGEST_RETRY_SECONDS, 2 * wait)

    async def _look(self) -> bool:
        """Whether what the file names is served, after an attempt to load it."""
        wanted: WantedModel | None = None
        try:
            serving = await asyncio.to_thread(read_serving_file, self._path)
            wanted = serving.stable
            if wanted is not None and wanted != self.state.stable:
                self._install(await asyncio.to_thread(self._load, serving, wanted))
        except PynomalyError as error:
            self._tell(wanted, error)
            return False
        except Exception as error:  # noqa: BLE001 - whatever a damaged model brings about: the server goes on, and says why
            _log.exception("cannot switch")
            self._tell(wanted, PynomalyError(f"the server failed to switch, its log says more: {error!r}"))
            return False
        if wanted is not None and wanted != self.state.stable:
            _log.info("serving version %d, sha256:%s", wanted.version, wanted.digest)
            self.state.stable = wanted
        self.state.problem = None
        return True

    def _tell(self, wanted: WantedModel | None, error: PynomalyError) -> None:
        self.state.problem = Problem("" if wanted is None else wanted.digest, error.reason, str(error))
        _log.warning("%s: %s", error.reason, error)

    def _load(self, serving: ServingFile, wanted: WantedModel) -> ServedModel:
        model = Model.parse(self._fetch(serving, wanted))
        model.check_golden()
        return served(model, wanted.version)

    async def _changed(self, seen: bytes, seconds: float) -> bool:
        """Waits until the file is another than was seen, or the seconds are over; tells whether it changed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(_content, self._path) != seen:
                return True
        return False


def _content(path: Path) -> bytes:
    """What is in the file; nothing when it cannot be read, which a look then tells."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
