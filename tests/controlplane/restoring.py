"""A backup of a control plane's etcd, and its restore."""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import ControlPlane, await_server

_SERVERS = ("kube-apiserver", "etcd")


@dataclass(frozen=True)
class Backup:
    """All of etcd's files as they were at one moment."""

    plane: ControlPlane
    folder: Path

    @classmethod
    def take(cls, plane: ControlPlane, folder: Path) -> "Backup":
        """Makes one, in a folder that is not there yet, while etcd stands still."""
        pid = _pid(plane, "etcd")
        os.kill(pid, signal.SIGSTOP)
        try:
            shutil.copytree(_data(plane), folder)
        finally:
            os.kill(pid, signal.SIGCONT)
        return cls(plane, folder)

    def restore(self) -> None:
        """Starts etcd with these files and the API server anew; returns when the latter is ready."""
        processes = self.plane.processes
        commands = {name: _command(self.plane, name) for name in _SERVERS}
        processes.stop(*_SERVERS, by=signal.SIGKILL)
        shutil.rmtree(_data(self.plane))
        shutil.copytree(self.folder, _data(self.plane))
        for name in reversed(_SERVERS):
            processes.start(name, *commands[name])
        await_server(self.plane)


def _data(plane: ControlPlane) -> Path:
    return plane.folder / "etcd"


def _pid(plane: ControlPlane, name: str) -> int:
    return int((plane.folder / "pid" / name).read_text().split()[0])


def _command(plane: ControlPlane, name: str) -> list[str]:
    """The command line that is running."""
    return Path(f"/proc/{_pid(plane, name)}/cmdline").read_text().rstrip("\0").split("\0")
