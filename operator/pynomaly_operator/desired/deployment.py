"""The pods that serve. They fetch the model that `serving.json` names, and switch without a restart."""

from typing import Any

from pynomaly_operator.desired import commands, names
from pynomaly_operator.desired.canonical import sha256
from pynomaly_operator.desired.labels import ASKED_HASH, SERVER, child, of_pods, selector
from pynomaly_operator.desired.pod import (
    COMMON_MOUNTS,
    CONTAINER_SECURITY,
    ENVIRONMENT,
    POD_SECURITY,
    common_volumes,
    folder_mount,
    pull_secrets,
    resources,
)
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import DEPLOYMENT, Manifest

CONTAINER = "server"
DEFAULT_RESOURCES: Manifest = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
TEMPORARY_SIZE = "1Gi"
GRACE_SECONDS = 45
EXPOSURE = {"trusted_proxies", "allow_hosts", "allow_origins"}
"""The fields of `network` that servers are told."""
PRE_STOP_SECONDS = 5


def deployment(wanted: Wanted) -> Manifest | None:
    """The Deployment; None while there is no model: pods that can only wait help nobody.

    Where an autoscaler sets the number of pods, the manifest says nothing of it.
    """
    if wanted.target is None:
        return None
    spec = {
        **({} if wanted.autoscaled else {"replicas": wanted.serving.replicas.min}),
        "selector": {"matchLabels": selector(wanted.detector, SERVER)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": of_pods(wanted.detector, SERVER)}, "spec": _pod(wanted)},
    }
    found = child(DEPLOYMENT, wanted.detector, names.deployment(wanted.detector), spec=spec)
    return {**found, "metadata": {**found["metadata"], "annotations": {ASKED_HASH: asked_hash(wanted)}}}


def asked_hash(wanted: Wanted) -> str:
    """Tells one wish of the user for these pods from another, whatever the operator makes of it.

    Fields that the user left out are left out: one that a later version adds changes nothing.
    """
    serving = wanted.serving
    given = serving.model_dump(
        mode="json",
        by_alias=True,
        exclude_unset=True,
        exclude_none=True,
        include={"replicas", "resources", "limits", "grpc"},
    )
    access, network = serving.access, wanted.network
    tokens = {} if access.jwt is None else {"jwt": access.jwt.model_dump(mode="json"), "keys": access.by_keys}
    exposure = network.model_dump(mode="json", exclude_defaults=True, include=EXPOSURE)
    return sha256({**given, **tokens, **exposure, "anonymous": access.anonymous, "autoscaled": wanted.autoscaled})[:16]


def _pod(wanted: Wanted) -> Manifest:
    keys = [_keys_volume(wanted)] if wanted.serving.access.by_keys else []
    config = {"name": "serving", "configMap": {"name": names.serving_config(wanted.detector)}}
    return {
        "serviceAccountName": names.serve_account(wanted.detector),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": POD_SECURITY,
        **pull_secrets(wanted.programs),
        "topologySpreadConstraints": [_spread(wanted)],
        "containers": [_container(wanted)],
        "volumes": [*common_volumes(TEMPORARY_SIZE), config, *keys],
    }


def _keys_volume(wanted: Wanted) -> Manifest:
    return {"name": "keys", "secret": {"secretName": names.api_keys(wanted.detector)}}


def _spread(wanted: Wanted) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(wanted.detector, SERVER)},
    }


def _container(wanted: Wanted) -> Manifest:
    keys = [folder_mount("keys", commands.KEYS_FOLDER)] if wanted.serving.access.by_keys else []
    grpc = [{"name": "grpc", "containerPort": commands.GRPC_PORT, "protocol": "TCP"}] if wanted.serving.grpc else []
    return {
        "name": CONTAINER,
        "image": wanted.programs.server_image,
        "imagePullPolicy": wanted.programs.pull_policy,
        "command": commands.serve(wanted),
        "env": ENVIRONMENT,
        "ports": [
            {"name": "http", "containerPort": commands.SCORING_PORT, "protocol": "TCP"},
            *grpc,
            {"name": "metrics", "containerPort": commands.MANAGEMENT_PORT, "protocol": "TCP"},
        ],
        "resources": resources(wanted.serving.resources, DEFAULT_RESOURCES),
        "securityContext": CONTAINER_SECURITY,
        "startupProbe": _probe("/health/live", periodSeconds=1, failureThreshold=60),
        "readinessProbe": _probe("/health/ready", periodSeconds=5, timeoutSeconds=3, failureThreshold=3),
        "livenessProbe": _probe("/health/live", periodSeconds=10, timeoutSeconds=5, failureThreshold=3),
        # Traffic goes on arriving until every node has heard that the pod ends.
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "volumeMounts": [*COMMON_MOUNTS, folder_mount("serving", commands.SERVING_FOLDER), *keys],
    }


def _probe(path: str, **timing: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "metrics"}, **timing}
