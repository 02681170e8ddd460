"""etcd, kube-apiserver and kube-controller-manager."""

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.answering import ApiClient
from tests.cluster.certificates import Authority, Identity
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes

SERVICE_RANGE = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"  # the API server's own Service


@dataclass(frozen=True)
class Address:
    """Where the API server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as clients write it."""
        return f"https://{self.host}:{self.port}"


@dataclass(frozen=True)
class ControlPlane:
    """A running API server and what it takes to speak to it as administrator."""

    processes: Processes
    address: Address
    authority: Authority
    admin: Identity
    kubectl: Kubectl
    service_account_key: Path

    @property
    def folder(self) -> Path:
        """Where certificates, logs and process ids lie."""
        return self.processes.folder

    @property
    def api(self) -> ApiClient:
        """Plain requests as administrator."""
        return ApiClient(self.address.url, self.authority.identity.certificate, self.admin)

    @property
    def kubeconfig(self) -> Path:
        """A self-contained kubeconfig of the administrator."""
        return self.kubectl.kubeconfig


def start(processes: Processes, binaries: Path, address: Address, authority: Authority, *flags: str) -> ControlPlane:
    """Starts etcd and kube-apiserver, with `flags` for the latter; `await_server` tells when they are ready."""
    folder = processes.folder
    socket = f"unix://{folder}/etcd.sock"
    processes.start(
        "etcd",
        binaries / "etcd",
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",  # what a test writes need not survive a power cut
        "--log-level=warn",
        f"--listen-client-urls={socket}",
        "--advertise-client-urls=http://localhost:2379",  # demanded beside a socket; nobody listens or asks there
        f"--listen-peer-urls=unix://{folder}/peer.sock",
    )
    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    addresses = {"127.0.0.1", _FIRST_SERVICE, address.host}
    alternatives = [*(f"DNS:{name}" for name in names), *(f"IP:{host}" for host in sorted(addresses))]
    serving = authority.issue("apiserver", "/CN=kube-apiserver", alternatives)
    admin = authority.issue("admin", "/O=system:masters/CN=admin")
    token_key = authority.signing_key("service-account")
    processes.start(
        "kube-apiserver",
        binaries / "kube-apiserver",
        f"--etcd-servers={socket}",
        f"--secure-port={address.port}",
        f"--advertise-address={address.host}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={authority.identity.certificate}",
        f"--service-account-key-file={token_key}",
        f"--service-account-signing-key-file={token_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged",
        *flags,
    )
    kubeconfig = authority.kubeconfig(folder / "admin.conf", address.url, admin)
    kubectl = Kubectl(binaries / "kubectl", kubeconfig)
    return ControlPlane(processes, address, authority, admin, kubectl, token_key)


def await_server(plane: ControlPlane) -> None:
    """Returns when the API server is ready and has its first namespace."""
    _await(plane, "kube-apiserver", "/readyz")
    _await(plane, "kube-apiserver", "/api/v1/namespaces/default")


def start_controllers(plane: ControlPlane, program: Path, *flags: str) -> None:
    """Starts kube-controller-manager."""
    plane.processes.start(
        "kube-controller-manager",
        program,
        f"--kubeconfig={plane.kubeconfig}",
        f"--root-ca-file={plane.authority.identity.certificate}",
        f"--service-account-private-key-file={plane.service_account_key}",
        "--leader-elect=false",
        *flags,
    )


def await_controllers(plane: ControlPlane) -> None:
    """Returns when kube-controller-manager does its work: the default namespace has its service account."""
    _await(plane, "kube-controller-manager", "/api/v1/namespaces/default/serviceaccounts/default")


def _await(plane: ControlPlane, process: str, path: str) -> None:
    api = plane.api
    plane.processes.ready(process, lambda: api.has(path))
