"""The objects through which the API server reaches the metrics server, a process beside it."""

from typing import Any

from tests.cluster import network
from tests.cluster.node import METRICS_PORT

_NAME = {"name": "metrics-server", "namespace": "kube-system"}


def metrics() -> list[dict[str, Any]]:
    """A Service without pods, its one endpoint, and the API it serves."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _NAME,
        "spec": {"ports": [{"port": 443, "targetPort": METRICS_PORT}]},
    }
    endpoint = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**_NAME, "labels": {"kubernetes.io/service-name": _NAME["name"]}},
        "addressType": "IPv4",
        "ports": [{"port": METRICS_PORT, "name": ""}],
        "endpoints": [{"addresses": [network.NODE]}],
    }
    api = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": _NAME,
        },
    }
    return [service, endpoint, api]
