"""The node's programs: scheduler, kubelet, kube-proxy, DNS, metrics."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import network
from tests.cluster.answering import answers
from tests.cluster.control_plane import ControlPlane
from tests.cluster.runtime import Runtime

NAME = "node"
METRICS_PORT = 4443
_DNS_READY = f"http://{network.NODE}:8181/ready"
_PROXY_READY = f"http://{network.NODE}:10256/healthz"
_ZONES = """\
cluster.local:53 {{
  bind {address}
  errors
  ready {address}:8181
  kubernetes cluster.local {{
    kubeconfig {kubeconfig}
  }}
}}
"""


@dataclass(frozen=True)
class Node:
    """What turns a control plane into a cluster that runs pods."""

    plane: ControlPlane
    runtime: Runtime
    binaries: Path

    def start(self) -> None:
        """Starts every program; none is ready yet."""
        self._start("kube-scheduler", self._kubeconfig(), "--leader-elect=false")
        self._start_kubelet()
        # The kernel's limits of connection tracking may not be writable, and one node needs no others.
        self._start(
            "kube-proxy",
            self._kubeconfig(),
            "--proxy-mode=nftables",
            f"--cluster-cidr={network.POD_RANGE}",
            f"--hostname-override={NAME}",
            f"--bind-address={network.NODE}",
            f"--healthz-bind-address={network.NODE}",
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
        )
        zones = self.plane.folder / "Corefile"
        zones.write_text(_ZONES.format(address=network.NODE, kubeconfig=self.plane.kubeconfig))
        self._start("dns", "-conf", zones)
        self._start_metrics_server()

    def await_ready(self) -> None:
        """Returns when pods can be run, found by name and reached through Services."""
        processes = self.plane.processes
        processes.ready("kube-proxy", lambda: answers(_PROXY_READY))
        processes.ready("dns", lambda: answers(_DNS_READY))
        processes.ready("kubelet", self._node_is_ready)
        for name in processes.names():
            processes.verify(name)

    def _start(self, name: str, *arguments: str | Path) -> None:
        self.plane.processes.start(name, self.binaries / name, *arguments)

    def _kubeconfig(self) -> str:
        return f"--kubeconfig={self.plane.kubeconfig}"

    def _start_kubelet(self) -> None:
        plane = self.plane
        identity = plane.authority.issue("kubelet", f"/O=system:nodes/CN=system:node:{NAME}")
        credentials = plane.authority.kubeconfig(plane.folder / "kubelet.conf", plane.address.url, identity)
        configuration = plane.folder / "kubelet.json"
        configuration.write_text(json.dumps(self._kubelet_configuration(), indent=1))
        self._start(
            "kubelet",
            f"--config={configuration}",
            f"--kubeconfig={credentials}",
            f"--hostname-override={NAME}",
            f"--node-ip={network.NODE}",
            f"--root-dir={plane.folder / 'kubelet'}",
            f"--cert-dir={plane.folder / 'kubelet' / 'pki'}",
        )

    def _kubelet_configuration(self) -> dict[str, Any]:
        folder = self.plane.folder
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "x509": {"clientCAFile": str(self.plane.authority.identity.certificate)},
                "webhook": {"enabled": True},
                "anonymous": {"enabled": False},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            "enforceNodeAllocatable": [],
            "clusterDNS": [network.NODE],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            "containerRuntimeEndpoint": f"unix://{self.runtime.socket}",
            "podLogsDir": str(folder / "pods"),
            "volumePluginDir": str(folder / "volume-plugins"),
            # The images come from no registry: once collected, they would be gone.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%"},
        }

    def _start_metrics_server(self) -> None:
        self._start(
            "metrics-server",
            self._kubeconfig(),
            f"--authentication-kubeconfig={self.plane.kubeconfig}",
            f"--authorization-kubeconfig={self.plane.kubeconfig}",
            f"--secure-port={METRICS_PORT}",
            f"--cert-dir={self.plane.folder / 'metrics'}",
            "--kubelet-insecure-tls",
            "--kubelet-preferred-address-types=InternalIP",
            "--metric-resolution=10s",
            "--kubelet-request-timeout=5s",
        )

    def _node_is_ready(self) -> bool:
        nodes = self.plane.api.read("/api/v1/nodes")["items"]
        return any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for node in nodes
            for condition in node["status"].get("conditions", [])
        )
