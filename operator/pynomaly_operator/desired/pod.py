"""What every pod has: it satisfies Pod Security `restricted`, and speaks to the registry by a token of its own."""

from typing import Any

from pynomaly_operator.api.v1alpha1 import Amounts, Resources
from pynomaly_operator.desired.commands import TOKEN_FOLDER, TOKEN_KEY
from pynomaly_operator.desired.wanted import Programs
from pynomaly_operator.manifest import Manifest

USER = 1000
TOKEN_AUDIENCE = "pynomaly-registry"  # noqa: S105 - whom the token is for, no password
TOKEN_SECONDS = 3600
TEMPORARY_FOLDER = "/tmp"  # noqa: S108 - an emptyDir of the pod's own

POD_SECURITY: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
ENVIRONMENT: list[Manifest] = [{"name": "HOME", "value": TEMPORARY_FOLDER}]


def common_volumes(temporary_size: str) -> list[Manifest]:
    """A temporary folder, since the root is read-only, and the registry's token."""
    token = {"audience": TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": TOKEN_KEY}
    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": temporary_size}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


COMMON_MOUNTS: list[Manifest] = [
    {"name": "tmp", "mountPath": TEMPORARY_FOLDER},
    {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
]


def pull_secrets(programs: Programs) -> dict[str, Any]:
    """The pod's `imagePullSecrets`; nothing when the images need no login."""
    if not programs.pull_secrets:
        return {}
    return {"imagePullSecrets": [{"name": name} for name in programs.pull_secrets]}


def folder_mount(volume: str, folder: str) -> Manifest:
    """A volume as a read-only folder: as a folder, because single mounted files never change again."""
    return {"name": volume, "mountPath": folder, "readOnly": True}


def resources(asked: Resources, defaults: Manifest) -> Manifest:
    """The container's resources: what the user set, and the defaults where that leaves no contradiction."""
    requests, limits = _amounts(asked.requests), _amounts(asked.limits)
    if not requests and not limits:
        return defaults
    # A request that only a default sets could exceed the user's limit: Kubernetes then takes the limit as the request.
    found = {"requests": requests, "limits": limits}
    return {name: amounts for name, amounts in found.items() if amounts}


def _amounts(amounts: Amounts) -> dict[str, Any]:
    return {name: str(value) for name, value in amounts.model_dump(exclude_none=True).items()}
