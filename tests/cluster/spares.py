"""Volumes that any claim may take, as a provisioner of other clusters would make them."""

import uuid
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import Kubectl

SPARE = 4
SIZE = "10Gi"
_LABEL = "pynomaly.io/spare"


def offer(kubectl: Kubectl, folder: Path) -> None:
    """Makes volumes below the folder of the node until `SPARE` of them are free; what was used once stays as it is."""
    volumes = kubectl.read("persistentvolumes", f"--selector={_LABEL}")["items"]
    # One that was just made has no phase yet.
    free = [volume for volume in volumes if volume["status"].get("phase", "Pending") in ("Pending", "Available")]
    made = [_volume(folder / f"spare-{uuid.uuid4().hex[:8]}") for _ in range(SPARE - len(free))]
    if made:
        kubectl.apply(*made)


def _volume(path: Path) -> dict[str, Any]:
    path.mkdir(parents=True)
    path.chmod(0o1777)  # whoever runs in the pod: the kubelet gives a node's folder to no group
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": path.name, "labels": {_LABEL: "true"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": SIZE},
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(path)},
        },
    }
