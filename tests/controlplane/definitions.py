"""The definition of the resource on a control plane of a test's own, as administrators change it."""

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import until
from tests.controlplane.conftest import CRD

NAME = "anomalydetectors.pynomaly.io"
WITHIN = 30


@dataclass(frozen=True)
class Definition:
    """On one control plane."""

    plane: ControlPlane

    @property
    def ours(self) -> Any:
        """As this version of the operator brings it."""
        return yaml.safe_load(CRD.read_text())

    def install(self, definition: Any) -> None:
        """Returns when the API server serves the resource by this definition."""
        self.plane.kubectl("replace" if self.exists() else "create", "--filename=-", given=json.dumps(definition))
        self.plane.kubectl("wait", "--for=condition=Established", f"--timeout={WITHIN}s", f"crd/{NAME}")

    def remove(self) -> None:
        """With all detectors; returns when the API server knows it no more."""
        self.plane.kubectl("delete", "crd", NAME, "--ignore-not-found")

    def exists(self) -> bool:
        """Whether it is there."""
        return bool(self.plane.kubectl("get", "crd", NAME, "--ignore-not-found").strip())

    def with_another_field(self) -> Any:
        """As a later version may bring it: `spec.serving` has one more field."""
        found = deepcopy(self.ours)
        serving = _schema(found)["properties"]["spec"]["properties"]["serving"]
        serving["properties"]["later"] = {"type": "string", "description": "Of a later version."}
        return found

    def of_anything(self) -> Any:
        """That checks nothing, as a much earlier one may have."""
        found = deepcopy(self.ours)
        (version,) = found["spec"]["versions"]
        anything = {"x-kubernetes-preserve-unknown-fields": True}
        version["schema"]["openAPIV3Schema"] = {"type": "object", **anything}
        version["additionalPrinterColumns"] = []
        version["subresources"] = {"status": {}}
        return found

    def await_field(self, name: str, *, known: bool) -> None:
        """Returns when the API server goes by a definition that has, or has not, this field of `spec.serving`."""
        path = "/openapi/v3/apis/pynomaly.io/v1alpha1"
        until(lambda: (f'"{name}"' in self.plane.kubectl("get", "--raw", path)) is known, within=WITHIN, what=name)


def _schema(definition: Any) -> Any:
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
