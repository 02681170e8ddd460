"""Namespaces of single tests."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until


@contextmanager
def restricted(kubectl: Kubectl, purpose: str = "test") -> Iterator[str]:
    """A new namespace that enforces Pod Security `restricted`; it is deleted, with all in it, when the context ends."""
    name = f"{purpose}-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    kubectl.apply(manifest)
    try:
        until(lambda: _has_service_account(kubectl, name), within=30, what=f"the service account of {name}")
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def _has_service_account(kubectl: Kubectl, namespace: str) -> bool:
    """Pods are refused before it exists."""
    return bool(kubectl.read("serviceaccounts", f"--namespace={namespace}")["items"])
