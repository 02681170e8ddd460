"""A detector in a namespace of its own, as a user and as the rest of a cluster see it."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until
from tests.controlplane.running_operator import RunningOperator
from tests.controlplane.standins import Node, running

from pynomaly_operator.api.parse import parse_spec, parse_status
from pynomaly_operator.desired import names
from pynomaly_operator.desired.fingerprint import attempt, fingerprint
from pynomaly_operator.desired.wanted import Identity

WITHIN = 60
"""Far longer than any pass, audit or resync of a test's operator takes, for a machine that is busy with much else."""
CHILD_KINDS = (
    "serviceaccounts,configmaps,secrets,networkpolicies,services,poddisruptionbudgets,deployments,"
    "horizontalpodautoscalers,jobs"
)
OWN = "--selector=app.kubernetes.io/managed-by=pynomaly"
SPEC: dict[str, Any] = {
    "algorithm": {"name": "IForest"},
    "training": {"source": {"uri": "https://example.com/rows.csv", "label": "y"}},
}


@dataclass
class Detector:
    """One detector and what belongs to it."""

    kubectl: Kubectl
    namespace: str
    operator: RunningOperator
    name: str = "shuttle"

    @property
    def node(self) -> Node:
        """Who reports on its pods."""
        return Node(self.kubectl, self.namespace)

    @property
    def here(self) -> str:
        """kubectl's option."""
        return f"--namespace={self.namespace}"

    def apply(self, **spec: Any) -> None:
        """The resource with these parts of the spec in place of the usual."""
        self.kubectl.apply(self.manifest(**spec))

    def manifest(self, **spec: Any) -> dict[str, Any]:
        """The resource."""
        metadata = {"name": self.name, "namespace": self.namespace}
        return {
            "apiVersion": "pynomaly.io/v1alpha1",
            "kind": "AnomalyDetector",
            "metadata": metadata,
            "spec": {name: part for name, part in {**SPEC, **spec}.items() if part is not None},
        }

    def patch(self, kind: str, name: str, patch: Any, *, form: str = "merge") -> None:
        """An edit by somebody else."""
        self.kubectl("patch", kind, name, self.here, f"--type={form}", f"--patch={json.dumps(patch)}")

    def get(self, kind: str, name: str) -> Any:
        """The object; None when it is not there."""
        found = self.kubectl(
            "get", kind, name, self.here, "--ignore-not-found", "--output=json", "--show-managed-fields"
        )
        return json.loads(found) if found.strip() else None

    def read(self) -> Any:
        """The resource as it is."""
        return self.kubectl.read("ad", self.name, self.here)

    @property
    def uid(self) -> str:
        """The resource's uid."""
        uid: str = self.read()["metadata"]["uid"]
        return uid

    @property
    def job_name(self) -> str:
        """The name of the Job of what the resource asks for now."""
        found = self.read()
        asked = attempt(parse_spec(found["spec"]), parse_status(found.get("status", {})).trigger)
        return names.job(Identity(self.namespace, self.name, self.uid), asked)

    @property
    def fingerprint(self) -> str:
        """What the resource asks for now."""
        found = self.read()
        return fingerprint(parse_spec(found["spec"]), parse_status(found.get("status", {})).trigger)

    def children(self) -> dict[str, str]:
        """The resourceVersions of all children by kind and name."""
        items = self.kubectl.read(CHILD_KINDS, self.here, OWN)["items"]
        return {f"{i['kind']}/{i['metadata']['name']}": i["metadata"]["resourceVersion"] for i in items}

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition of this generation; empty while there is none."""
        found = self.read()
        conditions = found.get("status", {}).get("conditions", [])
        generation = found["metadata"]["generation"]
        return next((c for c in conditions if c["type"] == kind and c["observedGeneration"] == generation), {})

    def await_condition(self, kind: str, status: str, reason: str) -> dict[str, Any]:
        """The condition once it is like this."""

        def holds() -> dict[str, Any] | None:
            found = self.condition(kind)
            return found if (found.get("status"), found.get("reason")) == (status, reason) else None

        try:
            found = until(holds, within=WITHIN, what=f"{kind}={status}, {reason}")
        except Exception as error:
            error.add_note(json.dumps(self.read().get("status"), indent=1))
            raise
        assert found is not None
        return found

    def await_child(self, kind: str, name: str) -> Any:
        """The child once it exists."""
        return until(lambda: self.get(kind, name), within=WITHIN, what=f"{kind} {name}")

    def await_job(self) -> Any:
        """The Job of what the resource asks for now."""
        return self.await_child("job", self.job_name)

    def train(self, **metrics: float) -> int:
        """The Job runs and publishes; the new version's number."""
        job = self.await_job()
        published = self.operator.registry.publish(self.uid, self.fingerprint, **metrics)
        self.node.job_succeeded(job["metadata"]["name"])
        return published.version

    def serve(self, version: int, pods: int = 1) -> None:
        """As many pods as are wanted come up with this version."""
        deployment = self.await_child("deployment", self.name)
        for number in range(pods):
            self.operator.pods.serve(self.address(number), version)
            self.node.pod(deployment, f"{self.name}-{number}", running(self.address(number)))
        self.node.deployment_ready(self.name, pods)

    def address(self, number: int) -> str:
        """The address of a pod, which no other test's pod has."""
        return f"10.{int(self.namespace[-2:], 16)}.{int(self.namespace[-4:-2], 16)}.{number + 1}"

    def until_ready(self, pods: int = 1, **spec: Any) -> None:
        """Trained, and served by as many pods as this spec wants at first."""
        self.apply(**spec)
        self.serve(self.train(), pods)
        self.await_condition("Ready", "True", "Succeeded")

    def refused(self, manifest: dict[str, Any]) -> str:
        """What the API server says when it does not accept the resource."""
        command = [str(self.kubectl.program), f"--kubeconfig={self.kubectl.kubeconfig}", "create", "--filename=-"]
        done = subprocess.run(command, input=json.dumps(manifest), capture_output=True, text=True, check=False)
        assert done.returncode != 0, "the API server accepted it"
        return done.stderr
