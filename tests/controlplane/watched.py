"""Every state that an object goes through, as a client that watches it sees them."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector

LAST = "the-last-edit"


@contextmanager
def states(detector: Detector, folder: Path) -> Iterator[Callable[[], list[Any]]]:
    """What the resource, which exists, was told to be while the context lasts, in this order; all of it at the end."""
    path = folder / "states"
    where = f"--kubeconfig={detector.kubectl.kubeconfig}"
    command = [str(detector.kubectl.program), where, "get", "ad", detector.name, detector.here, "--watch"]
    with path.open("w") as output, subprocess.Popen([*command, "--output=json"], stdout=output) as watch:
        try:
            until(lambda: _told(path), within=WITHIN, what="the watch to begin")
            yield lambda: _told(path)
            detector.patch("ad", detector.name, {"metadata": {"annotations": {LAST: "made"}}})
            until(lambda: _ended(path), within=WITHIN, what="the watch to catch up")
        finally:
            watch.terminate()


def _told(path: Path) -> list[Any]:
    decoder, text, found = json.JSONDecoder(), path.read_text(), []
    place = 0
    while place < len(text):
        try:
            state, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            break  # the rest of it is still to come
        found.append(state)
        place += len(text[place:]) - len(text[place:].lstrip())
    return found


def _ended(path: Path) -> bool:
    return LAST in _told(path)[-1]["metadata"].get("annotations", {})
