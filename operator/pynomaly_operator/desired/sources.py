"""Where training rows come from in a cluster."""

import re
from dataclasses import dataclass
from typing import Literal

from pynomaly_inference.errors import ResourceInvalid

_NAMED = re.compile(r"(?P<scheme>pvc|configmap)://(?P<name>[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)/.+")
_WEB = re.compile(r"https?://[^/@ ]+(/.*)?")

Scheme = Literal["pvc", "configmap", "web"]


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """A claim or config map to mount, or a place on the web, which has no name here."""

    scheme: Scheme
    name: str = ""

    @property
    def mounted(self) -> bool:
        """Whether the pod has it as a volume."""
        return self.scheme != "web"

    @property
    def address(self) -> str:
        """What the trainer's `--mount` names, such as pvc://telemetry."""
        return f"{self.scheme}://{self.name}"


def cluster_source(uri: str) -> ClusterSource:
    """The source that the URI names; raises ResourceInvalid for what has no meaning in a cluster."""
    named = _NAMED.fullmatch(uri)
    if named is not None:
        return ClusterSource("pvc" if named["scheme"] == "pvc" else "configmap", named["name"])
    if _WEB.fullmatch(uri):
        return ClusterSource("web")
    raise ResourceInvalid(
        "spec.training.source.uri: must be pvc://CLAIM/PATH, configmap://NAME/KEY, http://… or https://…; local paths "
        "are for the command line"
    )
