"""Kubernetes objects as JSON, and the kinds that this operator touches."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pynomaly_operator.api.v1alpha1 import GROUP, KIND, PLURAL, VERSION

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and where it lives in the API."""

    name: str
    api_version: str
    plural: str
    whole: bool = False
    """True: its status matters. False: its metadata is all that the operator asks for."""

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version within the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the object, or of the collection when no name is given."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        where = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{where}/{self.plural}" + (f"/{name}" if name else "")


DETECTOR = Kind(KIND, f"{GROUP}/{VERSION}", PLURAL, whole=True)
SERVICE_ACCOUNT = Kind("ServiceAccount", "v1", "serviceaccounts")
CONFIG_MAP = Kind("ConfigMap", "v1", "configmaps")
SECRET = Kind("Secret", "v1", "secrets")
SERVICE = Kind("Service", "v1", "services")
NETWORK_POLICY = Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies")
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments", whole=True)
AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers")
DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
JOB = Kind("Job", "batch/v1", "jobs", whole=True)
POD = Kind("Pod", "v1", "pods", whole=True)
EVENT = Kind("Event", "v1", "events", whole=True)
CLAIM = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")

CHILDREN = {
    kind.name: kind
    for kind in (
        SERVICE_ACCOUNT,
        CONFIG_MAP,
        SECRET,
        NETWORK_POLICY,
        SERVICE,
        DEPLOYMENT,
        AUTOSCALER,
        DISRUPTION_BUDGET,
        JOB,
    )
}
WATCHED = {name: kind for name, kind in CHILDREN.items() if kind is not SECRET}
"""No right to list or watch Secrets is asked for: each is looked at by name."""
