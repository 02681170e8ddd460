"""Manifests of pods as Pod Security `restricted` demands them."""

from typing import Any

PORT = 8000
_LABELS = {"app": "probe"}


def server(image: str, claim: str | None = None) -> dict[str, Any]:
    """A pod that serves the files of a claim, or none, and is ready when it answers."""
    container = {
        **_container(image),
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
    }
    pod = _pod("probe", container)
    if claim is not None:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/srv", "readOnly": True}]
        pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return pod


def service() -> dict[str, Any]:
    """A Service named probe before that pod, on port 80."""
    ports = [{"port": 80, "targetPort": PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "probe"},
        "spec": {"selector": _LABELS, "ports": ports},
    }


def script(name: str, image: str, python: str) -> dict[str, Any]:
    """A pod that runs a Python program to its end, once."""
    pod = _pod(name, {**_container(image), "command": ["python3", "-c", python]})
    pod["metadata"]["labels"] = {"app": name}
    return pod


def _pod(name: str, container: dict[str, Any]) -> dict[str, Any]:
    spec = {
        "containers": [container],
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": _LABELS}, "spec": spec}


def _container(image: str) -> dict[str, Any]:
    return {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
