"""kubectl, for fixtures and tests."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.commands import run

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Kubectl:
    """The command with its cluster."""

    program: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, given: str | bytes | None = None) -> str:
        """What kubectl prints; a ClusterError carries what it complained about."""
        return run(self.program, f"--kubeconfig={self.kubeconfig}", *arguments, given=given)

    def read(self, *arguments: str) -> Any:
        """The answer of `kubectl get ... -o json`, parsed."""
        return json.loads(self("get", *arguments, "--output=json"))

    def raw(self, path: str) -> Any:
        """The answer of the API server to a GET of the path, parsed."""
        return json.loads(self("get", "--raw", path))

    def apply(self, *manifests: Manifest) -> None:
        """Applies the objects in their order."""
        self("apply", "--filename=-", given=listed(manifests))

    def delete(self, *manifests: Manifest) -> None:
        """Deletes the objects and waits until they are gone; what is not there is deleted."""
        self("delete", "--ignore-not-found", "--filename=-", given=listed(manifests))


def listed(manifests: Sequence[Manifest]) -> str:
    """One document with all the objects."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
