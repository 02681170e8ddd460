"""Registries in processes of their own, to be killed and measured."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.registry.stores import Store
from tests.unit.inference.registry.harness import NAMESPACE, UID, Client

_SCRIPT = Path(__file__).with_name("process.py")
TRAINER = f"{NAMESPACE}:ad-{UID}-train"


@dataclass(frozen=True)
class Process:
    """A registry that listens."""

    popen: subprocess.Popen[str]
    port: int

    def trainer(self) -> Client:
        return Client(f"http://127.0.0.1:{self.port}", TRAINER)

    def peak_mib(self) -> float:
        """The most memory that it ever had resident."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


def start(store: Store) -> subprocess.Popen[str]:
    command = [sys.executable, str(_SCRIPT)]
    environment = {**os.environ, "DATABASE": store.url, "TMPDIR": str(store.folder)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def until_listening(popen: subprocess.Popen[str]) -> Process:
    assert popen.stderr is not None
    seen = []
    for line in popen.stderr:
        seen.append(line)
        found = re.search(r"listens on 127\.0\.0\.1:(\d+)", line)
        if found is not None:
            return Process(popen, int(found[1]))
    raise AssertionError("".join(seen))


@contextmanager
def process(store: Store) -> Iterator[Process]:
    popen = start(store)
    try:
        yield until_listening(popen)
    finally:
        popen.kill()
        popen.communicate()
