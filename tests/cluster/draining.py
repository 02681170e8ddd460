"""The eviction of a detector's pods from the node, as an administrator does it before maintenance."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.detector import SECONDS, Detector
from tests.cluster.kubectl import Kubectl


@dataclass(frozen=True)
class Drain:
    """`kubectl drain` at work: nothing is scheduled, and it tries again what it is refused."""

    kubectl: Kubectl
    node: str
    process: subprocess.Popen[bytes]
    said: Path

    def refusals(self) -> list[str]:
        """The evictions that a PodDisruptionBudget has not allowed until now."""
        return [line for line in self.said.read_text().splitlines() if "disruption budget" in line]

    def end(self) -> None:
        """Waits until all pods are evicted that were there in the beginning."""
        assert self.process.wait(SECONDS) == 0, self.said.read_text()

    def go_elsewhere(self) -> None:
        """Lets pods be scheduled again: the one node is the other node too."""
        self.kubectl("uncordon", self.node)


@contextmanager
def draining(detector: Detector) -> Iterator[Drain]:
    """Begins to drain the node of the detector's serving pods; afterwards, pods are scheduled again."""
    kubectl, selector = detector.kubectl, detector.read("anomalydetector")["status"]["selector"]
    (node,) = (found["metadata"]["name"] for found in kubectl.read("nodes")["items"])
    command = [str(kubectl.program), f"--kubeconfig={kubectl.kubeconfig}", "drain", node]
    options = [f"--pod-selector={selector}", "--delete-emptydir-data", f"--timeout={SECONDS}s"]
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with said.open("wb") as output:
            process = subprocess.Popen([*command, *options], stdout=output, stderr=subprocess.STDOUT)
        drain = Drain(kubectl, node, process, said)
        try:
            yield drain
        finally:
            process.terminate()
            process.wait()
            drain.go_elsewhere()
