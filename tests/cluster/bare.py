"""A control plane without nodes, on the loopback: for tests of what an API server accepts, stores and deletes."""

import os
import platform
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import audit, control_plane, tools
from tests.cluster.certificates import Authority
from tests.cluster.control_plane import Address, ControlPlane
from tests.cluster.errors import ClusterError
from tests.cluster.processes import Processes

ASSETS = "KUBEBUILDER_ASSETS"
_PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
# A test run that is killed must not leave a control plane behind.
_END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
_CONTROLLERS = "kube-controller-manager"
# Objects are collected as in a cluster, but nothing turns a Deployment or a Job into pods that no node would run.
_COLLECTORS = "garbage-collector-controller,namespace-controller,serviceaccount-controller"


def unavailable() -> str | None:
    """Why no control plane can be started here, in one sentence; None when one can."""
    if platform.system() != "Linux":
        return "A control plane is started on Linux only."
    assets = os.environ.get(ASSETS)
    if not assets:
        reason = tools.unbuildable()
        return f"{reason} Or set {ASSETS} to a folder with {', '.join(_PROGRAMS)}." if reason else None
    absent = [name for name in _PROGRAMS if not (Path(assets) / name).exists()]
    if absent:
        return f"{ASSETS} names {assets}, which has no {' and no '.join(absent)}."
    return None if (Path(assets) / _CONTROLLERS).exists() else _uncompiled_controllers(assets)


def _uncompiled_controllers(assets: str) -> str | None:
    reason = tools.unbuildable()
    return f"{assets} has no {_CONTROLLERS}, and it cannot be compiled: {reason}" if reason else None


@contextmanager
def running(folder: Path) -> Iterator[ControlPlane]:
    """A control plane whose files lie in the empty `folder`; it ends with the context.

    Garbage is collected and deleted namespaces are emptied, but no pods are made.
    """
    reason = unavailable()
    if reason:
        raise ClusterError(reason)
    assets = os.environ.get(ASSETS)
    binaries = Path(assets) if assets else tools.built(tools.CONTROL_PLANE)
    processes = Processes(folder, _END_WITH_PARENT)
    try:
        yield _start(processes, binaries)
    finally:
        processes.stop(*processes.names(), by=signal.SIGKILL)  # nothing of theirs is kept
        shutil.rmtree(folder / "etcd", ignore_errors=True)


def _start(processes: Processes, binaries: Path) -> ControlPlane:
    address = Address("127.0.0.1", _free_port())
    plane = control_plane.start(
        processes,
        binaries,
        address,
        Authority.create(processes.folder / "pki"),
        f"--bind-address={address.host}",
        "--endpoint-reconciler-type=none",  # a loopback address is no endpoint
        "--disable-admission-plugins=ServiceAccount",  # pods are stored, not run, and need no token
        *audit.flags(processes.folder),
    )
    control_plane.await_server(plane)
    # Assets for API server tests come without it.
    program = binaries / _CONTROLLERS
    if not program.exists():
        program = tools.built(tools.CONTROL_PLANE) / _CONTROLLERS
    control_plane.start_controllers(plane, program, f"--controllers={_COLLECTORS}", "--secure-port=0")
    control_plane.await_controllers(plane)
    return plane


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return int(port)
