"""The rights that the chart gives to the operator: rendered, granted on the API server, and read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from tests.cluster import audit, tools
from tests.cluster.commands import run
from tests.cluster.control_plane import ControlPlane
from tests.cluster.installation import CHART

Right = tuple[str, str, str]
"""API group, resource and verb."""
_KINDS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
_OPERATOR = "operator"
CREATED, FORBIDDEN = 201, 403


@dataclass(frozen=True)
class Permissions:
    """What the chart gives in a release."""

    plane: ControlPlane
    namespace: str
    """Of the release."""
    watched: tuple[str, ...] = ()

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """All objects of the chart."""
        values = (f"--set=watchNamespaces={{{','.join(self.watched)}}}",) if self.watched else ()
        helm = tools.built(tools.CONTROL_PLANE) / "helm"
        text = run(helm, "template", self.namespace, str(CHART), f"--namespace={self.namespace}", *values)
        return [item for item in yaml.safe_load_all(text) if item]

    @property
    def account(self) -> str:
        """The operator's service account, which is also the name of its Lease."""
        (name,) = (item["metadata"]["name"] for item in self.of_operator() if item["kind"] == "ServiceAccount")
        return str(name)

    @property
    def user(self) -> str:
        """What the API server calls it."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    def grant(self, folder: Path) -> Path:
        """Applies them; a kubeconfig that speaks by a token of the operator's account."""
        self.plane.kubectl.apply(*self.of_operator())
        token = self.plane.kubectl("create", "token", self.account, f"--namespace={self.namespace}").strip()
        path = folder / "operator.conf"
        found = json.loads(self.plane.kubeconfig.read_text())
        found["users"] = [{"name": "test", "user": {"token": token}}]
        path.write_text(json.dumps(found))
        return path

    def revoke(self) -> None:
        """Deletes what was applied."""
        self.plane.kubectl.delete(*self.of_operator())

    def granted(self) -> set[Right]:
        """Every right of the operator's roles, wherever it holds."""
        return {
            (group, resource, verb)
            for item in self.of_operator()
            for rule in item.get("rules", ())
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }

    def used(self) -> set[Right]:
        """Every right that the operator has made use of, by the API server's account."""
        return set(self._used())

    def refused(self) -> set[Right]:
        """What it asked for and may not do; in a namespace that is being deleted nobody may make anything."""
        return {
            (asked.group, asked.resource, asked.verb)
            for asked in audit.asked(self.plane.folder, self.user)
            if asked.code == FORBIDDEN and "because it is being terminated" not in asked.message
        }

    def namespaces_asked(self) -> set[str]:
        """Where it asked for anything; empty for the whole cluster."""
        return {asked.namespace for asked in audit.asked(self.plane.folder, self.user)}

    def _used(self) -> Iterator[Right]:
        for asked in audit.asked(self.plane.folder, self.user):
            yield asked.group, asked.resource, asked.verb
            if asked.verb == "patch" and asked.code == CREATED:  # an apply that creates needs both rights
                yield asked.group, asked.resource, "create"

    def of_operator(self) -> list[dict[str, Any]]:
        """What of the chart gives the operator its rights."""
        label = "app.kubernetes.io/component"
        return [
            item
            for item in self.objects
            if item["kind"] in _KINDS and item["metadata"].get("labels", {}).get(label) == _OPERATOR
        ]
