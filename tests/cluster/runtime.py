"""containerd: the pods' sandboxes, their network and their images."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import network
from tests.cluster.commands import run, succeeds
from tests.cluster.processes import Processes

PAUSE_IMAGE = "localhost/pause:1"
_CNI_PLUGINS = "/usr/lib/cni"
_CONFIGURATION = """\
version = 3
root = "{folder}/containerd/root"
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

    @property
    def socket(self) -> Path:
        """Where containerd is spoken to."""
        return self.processes.folder / "containerd" / "containerd.sock"

    def start(self) -> None:
        """Starts containerd and returns when it answers; a kubelet that finds no containerd ends."""
        folder = self.processes.folder
        self.socket.parent.mkdir()
        (folder / "cni").mkdir()
        (folder / "cni" / "10-pods.conflist").write_text(json.dumps(_pod_network(folder)))
        configuration = folder / "containerd" / "config.toml"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                socket=self.socket,
                pause=PAUSE_IMAGE,
                plugins=_CNI_PLUGINS,
                runc=self.binaries / "runc",
            )
        )
        # containerd looks for its shim on the path.
        environment = {**os.environ, "PATH": f"{self.binaries}:{os.environ['PATH']}"}
        self.processes.start(
            "containerd", self.binaries / "containerd", f"--config={configuration}", environment=environment
        )
        self.processes.ready("containerd", lambda: succeeds(*self._ctr("version")))

    def load(self, archive: Path) -> None:
        """Makes the images of an OCI archive available to pods."""
        run(*self._ctr("--namespace=k8s.io", "images", "import", archive))

    def _ctr(self, *arguments: str | Path) -> tuple[str | Path, ...]:
        return (self.binaries / "ctr", f"--address={self.socket}", *arguments)


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
