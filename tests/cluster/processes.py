"""Processes that outlive the command which started them, known by process id and start time."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.polling import NotInTime, until

_TAIL_LINES = 25
_STATE = 0  # of `stat`
_START_TIME = 19


@dataclass(frozen=True)
class Processes:
    """The processes recorded below one folder: `pid/NAME` holds the identity, `log/NAME.log` what it said."""

    folder: Path
    enter: tuple[str, ...] = ()
    """The command line that puts a program into its network namespace."""

    def start(self, name: str, *argv: str | Path, environment: Mapping[str, str] = os.environ) -> None:
        """Starts a program in a session of its own, its output going to its log."""
        for part in ("pid", "log"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        line = [*self.enter, *(str(part) for part in argv)]
        log = os.fspath(self.log(name))
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        pid = os.posix_spawnp(line[0], line, environment, file_actions=files, setsid=True)
        # A child that has ended already is still listed, since nobody has asked for its exit code.
        self._record(name).write_text(f"{pid} {stat(pid)[_START_TIME]}\n")

    def log(self, name: str) -> Path:
        """The file that holds everything the process wrote."""
        return self.folder / "log" / f"{name}.log"

    def names(self) -> list[str]:
        """The processes that were started and not stopped, whether they still run or not."""
        return sorted(path.name for path in (self.folder / "pid").glob("*"))

    def running(self, name: str) -> bool:
        """Whether the very process that was started still runs; a later one with its id does not count."""
        identity = self._identity(name)
        return identity is not None and _reaped_start_time(identity[0]) == identity[1]

    def ready(self, name: str, check: Callable[[], bool], *, within: float = 60) -> None:
        """Waits until `check` holds.

        Raises:
            ClusterError: the process ended or took too long; the message ends with the end of its log.
        """

        def alive_and_ready() -> bool:
            self.verify(name)
            return check()

        try:
            until(alive_and_ready, within=within, what=f"{name} to be ready")
        except NotInTime as error:
            raise ClusterError(f"{error} {self._tail(name)}") from error

    def verify(self, name: str) -> None:
        """Raises a ClusterError with the end of the log when the process has ended."""
        if not self.running(name):
            raise ClusterError(f"{name} has ended. {self._tail(name)}")

    def stop(self, *names: str, by: signal.Signals = signal.SIGTERM, grace: float = 5) -> None:
        """Ends the processes together, by force those that are still there after `grace` seconds."""
        deadline = time.monotonic() + grace
        for name in names:
            self._signal(name, by)
        for name in names:
            try:
                until(lambda: not self.running(name), within=deadline - time.monotonic(), what=f"{name} to end")  # noqa: B023 (called at once)
            except NotInTime:
                self._signal(name, signal.SIGKILL)
                until(lambda: not self.running(name), within=10, what=f"{name} to end when killed")  # noqa: B023 (called at once)
            self._record(name).unlink(missing_ok=True)

    def _signal(self, name: str, number: signal.Signals) -> None:
        identity = self._identity(name)
        if identity is not None and self.running(name):
            os.kill(identity[0], number)

    def _identity(self, name: str) -> tuple[int, int] | None:
        try:
            pid, started = self._record(name).read_text().split()
        except (FileNotFoundError, ValueError):
            return None  # never started, or this machine stopped while the record was written
        return int(pid), int(started)

    def _record(self, name: str) -> Path:
        return self.folder / "pid" / name

    def _tail(self, name: str) -> str:
        log = self.log(name)
        lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if log.exists() else []
        return "\n".join([f"The end of {log}:", *lines])


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone or only waits to be reaped."""
    fields = stat(pid)
    return int(fields[_START_TIME]) if fields and fields[_STATE] != "Z" else None


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when there is no such process."""
    try:
        # The command's name stands in brackets, and may hold anything, brackets too.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _reaped_start_time(pid: int) -> int | None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return start_time(pid)  # the child of an earlier command
    return start_time(pid)
