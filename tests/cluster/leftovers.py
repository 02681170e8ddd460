"""What containers leave on a machine when they are not ended in order, and its removal."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.polling import until
from tests.cluster.processes import start_time, stat

_SHIM = "containerd-shim-runc-v2"
_PARENT = 1  # of `stat`
_CGROUPS = "kubepods"
_CNI_RESULTS = Path("/var/lib/cni/results")
_LOG_LINKS = Path("/var/log/containers")  # the kubelet's, not configurable


def end_containers(containerd_socket: Path) -> None:
    """Kills the containers of one containerd and their shims, which outlive it."""
    for shim in _shims(str(containerd_socket)):
        victims = [*_children(shim), shim]
        for pid in victims:
            _kill(pid)
        for pid in victims:
            until(lambda: start_time(pid) is None, within=10, what=f"process {pid} to end")  # noqa: B023 (called at once)


def unmount_below(folder: Path) -> None:
    """Detaches every mount below the folder, the innermost first."""
    for point in _mounts_below(folder):
        run("umount", "--lazy", point)


def remove_traces(network_name: str, pod_logs: Path) -> None:
    """Removes what lies outside the node's folder: CNI's records, links to logs, empty control groups."""
    for record in _CNI_RESULTS.glob(f"{network_name}-*"):
        record.unlink()
    for link in _LOG_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(pod_logs):
            link.unlink()
    for root in Path("/sys/fs/cgroup").glob(f"**/{_CGROUPS}"):
        for group, _, _ in os.walk(root, topdown=False):
            with suppress(OSError):  # a group with processes is another kubelet's
                Path(group).rmdir()


def empty(folder: Path, *, keep: str) -> None:
    """Deletes everything in a folder but one entry.

    Raises:
        ClusterError: something is still mounted below it, whose files must not be deleted.
    """
    if _mounts_below(folder):
        raise ClusterError(f"Still mounted: {', '.join(_mounts_below(folder))}; unmount it, then try again.")
    for path in folder.iterdir() if folder.exists() else ():
        if path.name == keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _mounts_below(folder: Path) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)


def _shims(socket: str) -> list[int]:
    return [pid for pid in _process_ids() if _is_shim(_command_line(pid), socket)]


def _is_shim(line: list[str], socket: str) -> bool:
    return Path(line[0]).name == _SHIM and socket in line


def _children(pid: int) -> list[int]:
    return [child for child in _process_ids() if _parent(child) == pid]


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return [""]


def _parent(pid: int) -> int | None:
    fields = stat(pid)
    return int(fields[_PARENT]) if fields else None


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
