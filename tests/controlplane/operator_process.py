"""`pynomaly operator` as a process of its own, to be signalled and killed, as a user of its own in the audit log."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.cluster import audit
from tests.cluster.audit import Asked
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import until

_PROGRAM = Path(sys.executable).with_name("pynomaly")
START_SECONDS = 60


@dataclass(frozen=True)
class OperatorProcess:
    """One operator."""

    popen: subprocess.Popen[bytes]
    user: str
    port: int
    log: Path
    audited: Path

    @property
    def ready(self) -> bool:
        """Whether it knows all that exists."""
        return self._asked("/readyz") == "ok"

    @property
    def leads(self) -> bool:
        """Whether it says that it is the active one."""
        return 'leader_election_master_status{name="pynomaly-operator"} 1.0' in self._asked("/metrics")

    def signal(self, number: signal.Signals) -> float:
        """Sends it; the time at which it was sent."""
        moment = time.time()
        self.popen.send_signal(number)
        return moment

    def writes(self, since: float = 0) -> list[Asked]:
        """What it wrote from that time on, by the API server's account; the Lease excepted."""
        return [
            request
            for request in audit.asked(self.audited, self.user)
            if request.write and request.resource != "leases" and request.received >= since
        ]

    def _asked(self, path: str) -> str:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=2).text
        return ""


@dataclass(frozen=True)
class Launcher:
    """Starts operators on one control plane."""

    plane: ControlPlane
    registry_url: str
    token: Path
    folder: Path
    namespace: str
    """Of the Lease."""

    @contextmanager
    def process(self, name: str, kubeconfig: Path | None = None) -> Iterator[OperatorProcess]:
        """An operator that has everything listed; it is killed in the end, if it still runs."""
        user = f"{name}-{self.folder.name}"
        environment = {**os.environ, **self._settings(name), "KUBECONFIG": str(kubeconfig or self.kubeconfig(user))}
        log = self.folder / f"{name}.log"
        port = _free_port()
        environment["PYNOMALY_PROBES_PORT"] = str(port)
        with log.open("wb") as output:
            popen = subprocess.Popen([str(_PROGRAM), "operator"], stderr=output, env=environment)
        operator = OperatorProcess(popen, user, port, log, self.plane.folder)
        try:
            until(lambda: operator.ready, within=START_SECONDS, what=f"operator {name} to be ready")
            yield operator
        except BaseException as error:
            error.add_note(log.read_text()[-3000:])
            raise
        finally:
            popen.kill()
            popen.wait()

    def kubeconfig(self, user: str) -> Path:
        """Of an administrator of this name."""
        identity = self.plane.authority.issue(user, f"/O=system:masters/CN={user}")
        return self.plane.authority.kubeconfig(self.folder / f"{user}.conf", self.plane.address.url, identity)

    def _settings(self, name: str) -> dict[str, str]:
        return {
            "PYNOMALY_TRAINER_IMAGE": "registry.example/trainer:1",
            "PYNOMALY_SERVER_IMAGE": "registry.example/server:1",
            "PYNOMALY_REGISTRY_URL": self.registry_url,
            "PYNOMALY_REGISTRY_TOKEN_FILE": str(self.token),
            "PYNOMALY_NAMESPACE": self.namespace,
            "PYNOMALY_POD_NAME": name,
            "PYNOMALY_PROBES_HOST": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
        }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
