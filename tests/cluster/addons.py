"""The objects through which the API server reaches the metrics server, a process beside it."""

from typing import Any

from tests.cluster import network
from tests.cluster.answering import ApiClient
from tests.cluster.node import METRICS_PORT

_NAME = "metrics-server"
_NAMESPACE = "kube-system"


def publish_metrics(api: ApiClient) -> None:
    """Creates a Service without pods, its one endpoint, and the API it serves."""
    api.create(f"/api/v1/namespaces/{_NAMESPACE}/services", _service())
    api.create(f"/apis/discovery.k8s.io/v1/namespaces/{_NAMESPACE}/endpointslices", _endpoint())
    api.create("/apis/apiregistration.k8s.io/v1/apiservices", _registration())


def _service() -> dict[str, Any]:
    ports = [{"port": 443, "targetPort": METRICS_PORT}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": _NAME}, "spec": {"ports": ports}}


def _endpoint() -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": _NAME, "labels": {"kubernetes.io/service-name": _NAME}},
        "addressType": "IPv4",
        "ports": [{"port": METRICS_PORT, "name": ""}],
        "endpoints": [{"addresses": [network.NODE]}],
    }


def _registration() -> dict[str, Any]:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": _NAME, "namespace": _NAMESPACE},
        },
    }
