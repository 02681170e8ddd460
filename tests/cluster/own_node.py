"""The project's own node on this machine: up, down, and whether it is up."""

import os
import platform
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster import addons, control_plane, images, leftovers, network, packages, places, spares, tools
from tests.cluster.caching import exclusive
from tests.cluster.certificates import Authority
from tests.cluster.control_plane import Address
from tests.cluster.errors import ClusterError
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import Node
from tests.cluster.processes import Processes
from tests.cluster.runtime import PAUSE_IMAGE, Runtime, socket

_PORT = 6443
_CONTROLLERS = "kube-controller-manager"
_LOGS = "log"


def unavailable() -> str | None:
    """Why no node can run on this machine, in one sentence; None when one can."""
    if platform.system() != "Linux":
        return "A node needs Linux."
    if os.geteuid() != 0:
        return "A node needs root, for namespaces, mounts and control groups."
    if packages.missing() and not packages.installable():
        return f"Packages are missing: {', '.join(packages.missing())} (Debian's names)."
    return tools.unbuildable()


def kubeconfig() -> Path:
    """The administrator's kubeconfig; it exists while the node is up."""
    return _folder() / "admin.conf"


def is_up() -> bool:
    """Whether a whole start succeeded and every process of it still runs."""
    processes = _processes()
    return _ready_mark().exists() and all(processes.running(name) for name in processes.names())


def verify_up() -> None:
    """Raises a ClusterError that says how to start the node unless it is up."""
    if not is_up():
        raise ClusterError("The node is down; start it with `make cluster-up`.")


def up() -> float | None:
    """Starts the node unless it is up; returns when it is ready for pods, with the seconds that the start took.

    Raises:
        ClusterError: this machine cannot run it, or a component failed; then the message holds the end of its log.
    """
    reason = unavailable()
    if reason:
        raise ClusterError(reason)
    packages.install()
    binaries = tools.built(tools.CONTROL_PLANE)
    runtime = _runtime()
    pause = images.pause_archive(PAUSE_IMAGE)
    with exclusive(_lock()):
        if is_up():
            spares.offer(kubectl(), volumes())
            return None
        _stop()
        shutil.rmtree(_folder() / _LOGS, ignore_errors=True)
        begun = time.monotonic()
        try:
            _start(binaries, runtime, pause)
        except BaseException:
            _stop()
            raise
        return time.monotonic() - begun


def down() -> None:
    """Ends the node and removes everything but its logs; also what a crash or half a start has left."""
    with exclusive(_lock()):
        if is_up():
            _empty()
        _stop()


def programs() -> Path:
    """The folder with kubectl and helm."""
    return tools.built(tools.CONTROL_PLANE)


def kubectl() -> Kubectl:
    """The administrator's kubectl."""
    return Kubectl(programs() / "kubectl", kubeconfig())


def load(name: str) -> None:
    """Makes a built image available to the pods of the node, which has to be up."""
    verify_up()
    runtime, identity = _runtime(), images.identity(name)
    if runtime.has(name, identity):
        return
    with tempfile.TemporaryDirectory(dir=places.cache()) as folder:
        runtime.load(name, identity, images.archive(name, Path(folder) / "image.tar"))


def volumes() -> Path:
    """The folder on the node below which tests may keep volumes."""
    return _folder() / "volumes"


def _start(binaries: Path, runtime: Runtime, pause: Path) -> None:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    network.create()
    authority = Authority.create(folder / "pki")
    address = Address(network.NODE, _PORT)
    plane = control_plane.start(runtime.processes, binaries, address, authority, *_api_server_flags(authority))
    runtime.start()
    if not runtime.has(PAUSE_IMAGE, pause.parent.name):
        runtime.load(PAUSE_IMAGE, pause.parent.name, pause)
    control_plane.await_server(plane)
    control_plane.start_controllers(
        plane,
        binaries / _CONTROLLERS,
        f"--cluster-cidr={network.POD_RANGE}",
        "--horizontal-pod-autoscaler-sync-period=5s",
    )
    node = Node(plane, runtime, binaries)
    node.start()
    addons.publish_metrics(plane.api)
    spares.offer(plane.kubectl, volumes())
    control_plane.await_controllers(plane)
    node.await_ready()
    _ready_mark().touch()


def _api_server_flags(authority: Authority) -> tuple[str, ...]:
    """What lets the API server call kubelets, and other servers in its own name."""
    kubelets = authority.issue("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    proxy = authority.issue("front-proxy", "/CN=front-proxy")
    return (
        f"--kubelet-client-certificate={kubelets.certificate}",
        f"--kubelet-client-key={kubelets.key}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={authority.identity.certificate}",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={proxy.certificate}",
        f"--proxy-client-key-file={proxy.key}",
        "--enable-aggregator-routing",
    )


def _empty() -> None:
    """Lets the pods end in order, and then containerd; what does not is killed later."""
    _processes().stop(_CONTROLLERS, "kube-scheduler", by=signal.SIGKILL)  # nothing shall replace the pods
    with suppress(ClusterError):
        kubectl()("delete", "pods", "--all", "--all-namespaces", "--grace-period=1", "--timeout=20s")
        _processes().stop("kubelet", by=signal.SIGKILL)
        _runtime().stop()


def _stop() -> None:
    """Ends and removes what there is of the node, in whatever state."""
    processes, folder = _processes(), _folder()
    _ready_mark().unlink(missing_ok=True)
    processes.stop(*processes.names(), by=signal.SIGKILL)  # nothing of theirs is kept, so there is nothing to finish
    leftovers.end_containers(socket(folder))
    leftovers.unmount_below(folder)
    network.remove()
    leftovers.remove_traces(network.NAMESPACE, folder / "pods")
    leftovers.empty(folder, keep=_LOGS)


def _processes() -> Processes:
    return Processes(_folder(), network.ENTER)


def _runtime() -> Runtime:
    binaries = tools.built(tools.RUNTIME)
    return Runtime(_processes(), binaries, places.cache() / "containerd" / binaries.name)


def _ready_mark() -> Path:
    return _folder() / "ready"


def _lock() -> Path:
    return places.state() / "node.lock"


def _folder() -> Path:
    return places.state() / "node"
