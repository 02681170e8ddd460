"""Claims with files in them, for tests of what reads volumes.

The volumes are folders of the cluster's only node, which a pod of ours fills: that works on any one-node cluster,
and pods that use the claims may still be `restricted`, since these mount claims and no folders of the node.
"""

import io
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import Kubectl

Files = Mapping[str, bytes | Path]
_WRITER_NAMESPACE = "kube-system"  # the one that may mount a folder of the node
_MOUNTED = "/volumes"


@dataclass(frozen=True)
class Volumes:
    """What makes claims, by way of a writer pod that runs while the context does."""

    kubectl: Kubectl
    folder: str
    """Where the volumes lie on the node."""
    writer: str
    _made: list[tuple[str, str, str]] = field(default_factory=list)

    def claim(self, namespace: str, name: str, files: Files, labels: Mapping[str, str] | None = None) -> None:
        """Makes a bound ReadWriteOnce claim whose volume holds the files; names may contain folders."""
        volume = self._volume(namespace, name, files)
        self.kubectl.apply(*_bound_pair(namespace, name, volume, f"{self.folder}/{volume}", labels or {}))
        bound = "--for=jsonpath={.status.phase}=Bound"
        self.kubectl("wait", bound, f"persistentvolumeclaim/{name}", f"--namespace={namespace}", "--timeout=30s")

    def _volume(self, namespace: str, name: str, files: Files) -> str:
        volume = f"{name}-{uuid.uuid4().hex[:8]}"
        target = f"{_MOUNTED}/{volume}"
        self._made.append((namespace, name, volume))
        made = f"mkdir --mode=1777 {target} && tar --extract --no-same-owner --directory={target}"
        self._run(made, given=_packed(files))
        return volume

    def remove(self) -> None:
        """Removes the claims, the volumes and their files; pods that still use them end with their namespace."""
        for namespace, claim, volume in self._made:
            gone = ("--ignore-not-found", "--wait=false")
            self.kubectl("delete", "persistentvolumeclaim", claim, f"--namespace={namespace}", *gone)
            self.kubectl("delete", "persistentvolume", volume, *gone)
            self._run(f"rm -rf {_MOUNTED}/{volume}")

    def _run(self, script: str, given: bytes | None = None) -> None:
        inside = ("exec", "--stdin", self.writer, f"--namespace={_WRITER_NAMESPACE}", "--", "sh", "-c", script)
        self.kubectl(*inside, given=given)


@contextmanager
def writing(kubectl: Kubectl, folder: str, image: str) -> Iterator[Volumes]:
    """Volumes below `folder` of the node; `image` must be there, and have sh and tar."""
    pod = _writer(f"volume-writer-{uuid.uuid4().hex[:8]}", folder, image)
    writer = pod["metadata"]["name"]
    kubectl.apply(pod)
    volumes = Volumes(kubectl, folder, writer)
    try:
        where = f"--namespace={_WRITER_NAMESPACE}"
        kubectl("wait", "--for=condition=Ready", f"pod/{writer}", where, "--timeout=60s")
        yield volumes
    finally:
        try:
            volumes.remove()
        finally:
            kubectl("delete", "pod", writer, f"--namespace={_WRITER_NAMESPACE}", "--grace-period=0", "--force")


def _writer(name: str, folder: str, image: str) -> dict[str, Any]:
    container = {
        "name": "writer",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "volumes", "mountPath": _MOUNTED}],
    }
    volume = {"name": "volumes", "hostPath": {"path": folder, "type": "DirectoryOrCreate"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": _WRITER_NAMESPACE},
        "spec": {"containers": [container], "volumes": [volume], "automountServiceAccountToken": False},
    }


def _bound_pair(
    namespace: str, name: str, volume: str, path: str, labels: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    # An empty class keeps any provisioner of the cluster away.
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    persistent = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume},
        "spec": {
            **common,
            "capacity": {"storage": "1Gi"},
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": path},
            "claimRef": {"namespace": namespace, "name": name},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {**common, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}},
    }
    return persistent, claim


def _packed(files: Files) -> bytes:
    """A tar archive whose files everyone may read, as pods run under a user of their own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
