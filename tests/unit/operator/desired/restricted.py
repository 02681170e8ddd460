"""Pod Security `restricted`, https://kubernetes.io/docs/concepts/security/pod-security-standards/."""

from typing import Any

VOLUMES = {"emptyDir", "projected", "configMap", "secret", "persistentVolumeClaim"}


def assert_restricted(pod: dict[str, Any]) -> None:
    """For a pod's spec with one container."""
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {key for volume in pod["volumes"] for key in volume} - {"name"} <= VOLUMES
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
