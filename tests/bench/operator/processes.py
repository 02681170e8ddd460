"""The processes of one benchmark: operator, node and bare client, each started, stopped, measured and killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # of /proc/PID/stat, from the state on
START_SECONDS = 120
END_SECONDS = 60


class Failed(Exception):
    """The benchmark cannot go on; the message says why."""


@dataclass(frozen=True)
class Process:
    """One of them."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path
    started: float
    """Seconds of the monotonic clock."""

    def signal(self, number: signal.Signals) -> None:
        """Sends it. Raises Failed when the process has ended."""
        self.verify()
        self.popen.send_signal(number)

    def verify(self) -> None:
        """Raises Failed, with what the process said last, when it has ended."""
        if self.popen.poll() is not None:
            raise Failed(f"{self.name} has ended with {self.popen.returncode}:\n{self.log.read_text()[-3000:]}")

    def end(self) -> None:
        """SIGTERM; returns when it has ended by itself."""
        self.signal(signal.SIGTERM)
        self.popen.wait(END_SECONDS)

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS

    def memory_mb(self, what: str = "VmRSS") -> float:
        """What it holds now; `VmHWM`: what it held at most."""
        lines = Path(f"/proc/{self.popen.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


@contextmanager
def running(
    folder: Path, name: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """`python ARGUMENTS`; it is killed at the end of the context, if it still runs."""
    log = folder / f"{name}.log"
    command = [*_END_WITH_PARENT, sys.executable, *arguments]
    paths = os.pathsep.join(map(str, (ROOT / "inference", ROOT / "operator", ROOT)))
    variables = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **(environment or {})}
    with log.open("wb") as output:
        started = time.monotonic()
        popen = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=variables, cwd=ROOT)
    try:
        yield Process(name, popen, log, started)
    finally:
        popen.kill()
        popen.wait()


@dataclass(frozen=True)
class Operator:
    """An operator and what it tells of itself."""

    process: Process
    user: str
    probes: int

    def until_ready(self) -> None:
        """Until everything that exists is known to it."""
        until(lambda: self._asked("/readyz") == "ok", self.process, START_SECONDS, "to know all that exists")

    def value(self, *metrics: str) -> float:
        """The sum of the samples whose names, labels included, begin so."""
        lines = self._asked("/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(metrics))

    def idle(self, passes: int) -> bool:
        """Whether it has made so many passes since its start, and none is due now."""
        waiting = self.value("workqueue_depth", "controller_runtime_active_workers")
        return waiting == 0 and self.value("controller_runtime_reconcile_total") >= passes

    def _asked(self, path: str) -> str:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.probes}{path}", timeout=5, trust_env=False).text
        return ""


def until(check: Callable[[], bool], process: Process, seconds: float, what: str, pause: float = 0.1) -> None:
    """Returns when `check` holds. Raises Failed when the process has ended or the time is over."""
    deadline = time.monotonic() + seconds
    while not check():
        process.verify()
        if time.monotonic() > deadline:
            said = process.log.read_text()[-3000:]
            raise Failed(f"waited {seconds:.0f} s in vain for {process.name} {what}:\n{said}")
        time.sleep(pause)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
