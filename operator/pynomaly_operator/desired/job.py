"""The Job that trains one attempt."""

from typing import Any

from pynomaly_operator.desired import commands, names
from pynomaly_operator.desired.config_maps import training_key
from pynomaly_operator.desired.labels import TRAINER, child, of_pods
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
from pynomaly_operator.desired.sources import ClusterSource
from pynomaly_operator.desired.wanted import Wanted, WantedTraining
from pynomaly_operator.manifest import JOB, Manifest

CONTAINER = "trainer"
DEFAULT_RESOURCES: Manifest = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
FINAL_EXIT_CODES = (2, 10, 12, 13, 14, 15, 19, 137)
"""Trying again would end the same: usage, resource, data, fit, conversion, parity, address; 137: out of memory."""
RETRIES = 3
TEMPORARY_SIZE = "4Gi"


def job(wanted: Wanted) -> Manifest | None:
    """The Job; None when nothing is to be trained. Raises ResourceInvalid for a source that no pod can reach."""
    training = wanted.training
    if training is None or not training.due:
        return None
    spec = {
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": training.spec.training.timeout_seconds,
        "podFailurePolicy": {"rules": _failure_rules()},
        "template": _template(wanted, training),
    }
    return child(JOB, wanted.detector, names.job(wanted.detector, training.attempt), spec=spec)


def _failure_rules() -> list[Manifest]:
    final = {"containerName": CONTAINER, "operator": "In", "values": list(FINAL_EXIT_CODES)}
    return [
        # First: an evicted or preempted pod ends by a signal too, and that is no fault of the training.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": final},
    ]


def _template(wanted: Wanted, training: WantedTraining) -> Manifest:
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": names.train_account(wanted.detector),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        **pull_secrets(wanted.programs),
        "containers": [_container(wanted, training)],
        "volumes": [
            *common_volumes(TEMPORARY_SIZE),
            _resource_volume(wanted, training),
            *_data_volumes(training.source),
        ],
    }
    return {"metadata": {"labels": of_pods(wanted.detector, TRAINER)}, "spec": spec}


def _container(wanted: Wanted, training: WantedTraining) -> Manifest:
    data = [folder_mount("data", commands.DATA_FOLDER)] if training.source.mounted else []
    return {
        "name": CONTAINER,
        "image": wanted.programs.trainer_image,
        "imagePullPolicy": wanted.programs.pull_policy,
        "command": commands.train(wanted, training),
        "env": [*ENVIRONMENT, *_credentials(training)],
        "resources": resources(training.spec.training.resources, DEFAULT_RESOURCES),
        "securityContext": CONTAINER_SECURITY,
        "terminationMessagePath": commands.TERMINATION_FILE,
        "terminationMessagePolicy": "File",
        "volumeMounts": [*COMMON_MOUNTS, folder_mount("resource", commands.TRAINING_FOLDER), *data],
    }


def _credentials(training: WantedTraining) -> list[Manifest]:
    """The Secret's entries that open the source, by name: no other entry of it can change how the trainer runs."""
    secret = training.spec.training.source.credentials
    if secret is None:
        return []
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": True}}}
        for name in training.source.variables
    ]


def _resource_volume(wanted: Wanted, training: WantedTraining) -> Manifest:
    items = [{"key": training_key(training), "path": "detector.yaml"}]
    return {"name": "resource", "configMap": {"name": names.training_config(wanted.detector), "items": items}}


def _data_volumes(source: ClusterSource) -> list[Manifest]:
    if source.scheme == "pvc":
        return [{"name": "data", "persistentVolumeClaim": {"claimName": source.name, "readOnly": True}}]
    if source.scheme == "configmap":
        return [{"name": "data", "configMap": {"name": source.name}}]
    return []
