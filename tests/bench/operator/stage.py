"""A control plane with N detectors and a node that serves them."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from tests.bench.operator import detectors
from tests.bench.operator.access import Access
from tests.bench.operator.audited import AuditLog
from tests.bench.operator.processes import START_SECONDS, Operator, Process, free_port, running, until
from tests.cluster import bare
from tests.cluster.control_plane import ControlPlane
from tests.controlplane.conftest import CRD

LEASE = "default"
AUDIT_LOG = "audit.log"
WORKERS = 16
"""The operator's default, and so the bare client's writes at a time."""


@dataclass(frozen=True)
class Stage:
    """Where one benchmark takes place."""

    plane: ControlPlane
    folder: Path
    count: int
    node: Process
    port: int
    """Of the node's registry and pods."""
    audit: AuditLog
    editor: Access
    profile: Path | None = None

    @contextmanager
    def operator(self, name: str) -> Iterator[Operator]:
        """A new operator of this name, which is its user's too."""
        identity = self.plane.authority.issue(name, f"/O=system:masters/CN={name}")
        kubeconfig = self.plane.authority.kubeconfig(self.folder / f"{name}.conf", self.plane.address.url, identity)
        token, probes = self.folder / "token", free_port()
        token.write_text("token")
        environment = {
            "KUBECONFIG": str(kubeconfig),
            "PYNOMALY_TRAINER_IMAGE": "registry.example/trainer:1",
            "PYNOMALY_SERVER_IMAGE": "registry.example/server:1",
            "PYNOMALY_REGISTRY_URL": f"http://127.0.0.1:{self.port}",
            "PYNOMALY_REGISTRY_TOKEN_FILE": str(token),
            "PYNOMALY_NAMESPACE": LEASE,
            "PYNOMALY_POD_NAME": name,
            "PYNOMALY_PROBES_HOST": "127.0.0.1",
            "PYNOMALY_PROBES_PORT": str(probes),
            "PYNOMALY_WORKERS": str(WORKERS),
        }
        arguments = ["-m", "tests.bench.operator.program", str(self.port)]
        if self.profile is not None:
            arguments.append(str(self.profile / f"{name}-{self.count}.prof"))
        with running(self.folder, name, *arguments, environment=environment) as process:
            yield Operator(process, name, probes)

    @contextmanager
    def bare_client(self) -> Iterator[Process]:
        """The client that operators are measured against."""
        access = Access.of(self.plane, "bare")
        places = str(detectors.namespaces(self.count))
        module = ("-m", "tests.bench.operator.bare")
        with running(self.folder, "bare", *module, access.model_dump_json(), places, str(WORKERS)) as process:
            yield process

    def session(self) -> aiohttp.ClientSession:
        """Of whoever edits the detectors. Needs a running loop."""
        return self.editor.session(detectors.AT_A_TIME)


@contextmanager
def staged(count: int, profile: Path | None = None) -> Iterator[Stage]:
    """So many detectors that nobody acts on yet; all ends with the context."""
    with tempfile.TemporaryDirectory(prefix="pynomaly-bench-", ignore_cleanup_errors=True) as temporary:
        folder, plane_folder = Path(temporary), Path(temporary) / "plane"
        plane_folder.mkdir()
        with bare.running(plane_folder) as plane:
            plane.kubectl("apply", "--server-side", f"--filename={CRD}")
            plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"--filename={CRD}")
            access = Access.of(plane, "node").model_dump_json()
            with running(folder, "node", "-m", "tests.bench.operator.node", access) as node:
                until(lambda: "\n" in node.log.read_text(), node, START_SECONDS, "to tell its port")
                port, audit = int(node.log.read_text().split()[0]), AuditLog(plane_folder / AUDIT_LOG)
                stage = Stage(plane, folder, count, node, port, audit, Access.of(plane, "editor"), profile)
                asyncio.run(_make(stage))
                yield stage
                audit.close()


async def _make(stage: Stage) -> None:
    async with stage.session() as session:
        await detectors.make(session, stage.count)
