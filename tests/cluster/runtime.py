"""containerd: the pods' sandboxes, their network and their images."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import network
from tests.cluster.caching import key
from tests.cluster.commands import run, succeeds
from tests.cluster.processes import Processes

PAUSE_IMAGE = "localhost/pause:1"
_NAME = "containerd"
_PODS = "--namespace=k8s.io"  # the kubelet's
_CNI_PLUGINS = "/usr/lib/cni"
_CONFIGURATION = """\
version = 3
root = "{store}/root"
state = "{folder}/containerd/run"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "{socket}"
[plugins.'io.containerd.internal.v1.opt']
  path = "{folder}/containerd/opt"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE no score can be lowered, and every sandbox would fail.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{folder}/cni"
    use_internal_loopback = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "{runc}"
"""


@dataclass(frozen=True)
class Runtime:
    """The containerd of the node whose files lie in the processes' folder."""

    processes: Processes
    binaries: Path
    store: Path
    """Where images are kept from one run of the node to the next."""

    @property
    def socket(self) -> Path:
        """Where containerd is spoken to."""
        return socket(self.processes.folder)

    def start(self) -> None:
        """Starts containerd and returns when it answers; a kubelet that finds no containerd ends."""
        self._open_store()
        folder = self.processes.folder
        self.socket.parent.mkdir()
        (folder / "cni").mkdir()
        (folder / "cni" / "10-pods.conflist").write_text(json.dumps(_pod_network(folder)))
        configuration = folder / "containerd" / "config.toml"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                store=self.store,
                socket=self.socket,
                pause=PAUSE_IMAGE,
                plugins=_CNI_PLUGINS,
                runc=self.binaries / "runc",
            )
        )
        # containerd looks for its shim on the path.
        environment = {**os.environ, "PATH": f"{self.binaries}:{os.environ['PATH']}"}
        self.processes.start(_NAME, self.binaries / _NAME, f"--config={configuration}", environment=environment)
        self.processes.ready(_NAME, lambda: succeeds(*self._ctr("version")))

    def stop(self) -> None:
        """Ends containerd in order; the next run has its images, unless a container still runs."""
        # The kubelet leaves ended containers behind for a while. One that runs cannot be removed.
        emptied = all(self._remove_all(kind) for kind in ("containers", "sandboxes"))
        self.processes.stop(_NAME)
        if emptied:
            self._orderly.touch()

    def has(self, name: str, identity: str) -> bool:
        """Whether the image was loaded in just this version."""
        record = self._record(name)
        return record.exists() and record.read_text() == identity

    def load(self, name: str, identity: str, archive: Path) -> None:
        """Makes the image of an OCI archive available to pods."""
        self._record(name).unlink(missing_ok=True)
        self._pods("images", "import", archive)
        self._record(name).write_text(identity)

    def _open_store(self) -> None:
        """Empties the store unless the last run ended in order: containers of a crash would come back as ghosts."""
        if self._orderly.exists():
            self._orderly.unlink()
        else:
            shutil.rmtree(self.store, ignore_errors=True)
        (self.store / "loaded").mkdir(parents=True, exist_ok=True)

    def _remove_all(self, kind: str) -> bool:
        table = self._pods(kind, "list").splitlines()[1:]
        return all(succeeds(*self._ctr(_PODS, kind, "remove", row.split()[0])) for row in table)

    @property
    def _orderly(self) -> Path:
        return self.store / "orderly"

    def _record(self, name: str) -> Path:
        return self.store / "loaded" / key(name)

    def _pods(self, *arguments: str | Path) -> str:
        return run(*self._ctr(_PODS, *arguments))

    def _ctr(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        return (self.binaries / "ctr", f"--address={self.socket}", *arguments)


def socket(folder: Path) -> Path:
    """Where the containerd of the node in `folder` is spoken to."""
    return folder / "containerd" / "containerd.sock"


def _pod_network(folder: Path) -> dict[str, Any]:
    # Point to point, not bridged: answers of a pod on the same node then pass the address translation of Services
    # on every kernel.
    ranges = [[{"subnet": network.POD_RANGE}]]
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "addresses"),
        "ranges": ranges,
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {"cniVersion": "1.0.0", "name": network.NAMESPACE, "plugins": [{"type": "ptp", "ipam": addresses}]}
