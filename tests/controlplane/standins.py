"""What a control plane without nodes lacks: a registry, pods, and those who report on Jobs and Deployments.

Here it is legitimate to write what the kubelet and the controllers would write: nothing else of them is there.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.kubectl import Kubectl

from pynomaly_inference.registry.contract import Forgetting, LivingDetectors
from pynomaly_operator.api.status import Metrics, ModelStatus
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import RegistryUnavailable
from pynomaly_operator.pod_report import PodReport

DIGEST = "{:064x}"


@dataclass
class StandInRegistry:
    """Versions by detector and fingerprint, in memory."""

    versions: dict[tuple[str, str], ModelStatus] = field(default_factory=dict)
    reachable: bool = True
    asked: int = 0

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """As the registry answers."""
        self.asked += 1
        if not self.reachable:
            raise RegistryUnavailable("the registry does not answer")
        return self.versions.get((detector.uid, fingerprint))

    async def version(self, detector: Identity, number: int) -> ModelStatus | None:
        """As the registry answers."""
        if not self.reachable:
            raise RegistryUnavailable("the registry does not answer")
        mine = (model for (uid, _), model in self.versions.items() if uid == detector.uid)
        return next((model for model in mine if model.version == number), None)

    async def tell_living(self, _: LivingDetectors) -> Forgetting:
        """As the registry answers when it has nothing to forget."""
        return Forgetting(missing=0, confirmed=0, forgotten=0)

    def publish(self, uid: str, fingerprint: str, **metrics: float) -> ModelStatus:
        """What a trainer does at its end."""
        number = 1 + sum(1 for owner, _ in self.versions if owner == uid)
        measured = {"rows": 100, "held_out": True, "anomaly_rate": 0.1, "roc_auc": 0.95, **metrics}
        found = ModelStatus(
            version=number,
            digest=DIGEST.format(number),
            fingerprint=fingerprint,
            algorithm="IForest",
            threshold=0.5,
            metrics=Metrics.model_validate(measured),
        )
        self.versions[uid, fingerprint] = found
        return found


@dataclass
class StandInPods:
    """What each pod's management port answers, by the pod's address."""

    reports: dict[str, PodReport] = field(default_factory=dict)

    async def report(self, address: str) -> PodReport | None:
        """As a serving pod answers."""
        return self.reports.get(address)

    def serve(self, address: str, version: int) -> None:
        """The pod has loaded this version."""
        loaded = {"version": version, "digest": DIGEST.format(version)}
        self.reports[address] = PodReport.model_validate({"stable": loaded})

    def fail(self, address: str, version: int, loaded: int | None, message: str) -> None:
        """The pod could not load `version` and goes on with `loaded`."""
        stable = None if loaded is None else {"version": loaded, "digest": DIGEST.format(loaded)}
        problem = {"digest": DIGEST.format(version), "message": message}
        self.reports[address] = PodReport.model_validate({"stable": stable, "problem": problem})


@dataclass(frozen=True)
class Node:
    """Writes what a kubelet and the workload controllers write."""

    kubectl: Kubectl
    namespace: str

    def patch_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        """The status of an object, merged."""
        self.kubectl(
            "patch", kind, name, f"--namespace={self.namespace}", "--subresource=status", "--type=merge",
            f"--patch={json.dumps({'status': status})}",
        )  # fmt: skip

    def pod(self, owner: dict[str, Any], name: str, status: dict[str, Any]) -> None:
        """A pod from the owner's template, with this status."""
        template = owner["spec"]["template"]
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
        labels = dict(template["metadata"]["labels"])
        if owner["kind"] == "Job":
            labels["batch.kubernetes.io/job-name"] = owner["metadata"]["name"]
        metadata = {"name": name, "namespace": self.namespace, "labels": labels, "ownerReferences": [reference]}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
        self.patch_status("pod", name, status)

    def job_failed(self, name: str, reason: str = "PodFailurePolicy", message: str = "") -> None:
        """The Job has ended without success."""
        self._job_ended(name, ("FailureTarget", "Failed"), {"reason": reason, "message": message})

    def job_failing(self, name: str, reason: str) -> None:
        """The Job has failed, and its pods are still to be removed."""
        now = "2026-01-01T00:00:00Z"
        found = {"type": "FailureTarget", "status": "True", "reason": reason, "message": ""}
        found |= {"lastProbeTime": now, "lastTransitionTime": now}
        self.patch_status("job", name, {"conditions": [found], "startTime": now})

    def job_succeeded(self, name: str) -> None:
        """The Job has ended well."""
        self._job_ended(name, ("SuccessCriteriaMet", "Complete"), {"reason": "CompletionsReached", "message": ""})

    def _job_ended(self, name: str, types: tuple[str, str], why: dict[str, str]) -> None:
        now = "2026-01-01T00:00:00Z"
        conditions = [
            {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, **why} for kind in types
        ]
        succeeded = types[1] == "Complete"
        status: dict[str, Any] = {
            "conditions": conditions,
            "startTime": now,
            "active": 0,
            "terminating": 0,
            "uncountedTerminatedPods": {},
        }
        status |= {"completionTime": now, "succeeded": 1} if succeeded else {"failed": 1}
        self.patch_status("job", name, status)

    def deployment_ready(self, name: str, pods: int) -> None:
        """All pods of the Deployment's current template are ready."""
        generation = self.kubectl.read("deployment", name, f"--namespace={self.namespace}")["metadata"]["generation"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), pods)
        self.patch_status("deployment", name, {"observedGeneration": generation, **counts})


def termination(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """The status of a pod whose trainer ended like this."""
    ended = {"exitCode": code, "reason": reason, "message": message}
    container = {"name": "trainer", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return {"phase": "Failed", "containerStatuses": [{**container, "state": {"terminated": ended}}]}


def running(address: str, *, ready: bool = True) -> dict[str, Any]:
    """The status of a serving pod."""
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": conditions}
