"""Where training rows come from in a cluster."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pynomaly_inference.errors import ResourceInvalid

_NAMED = re.compile(r"(?P<scheme>pvc|configmap)://(?P<name>[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)/.+")
_WEB = re.compile(r"https?://[^/@ ]+(/.*)?")
_PORTS = {"http": 80, "https": 443}

Scheme = Literal["pvc", "configmap", "web"]


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """A claim or config map to mount, or a place on the web."""

    scheme: Scheme
    name: str
    """Of the claim or config map, or of the host: a name or a literal address, without brackets."""
    port: int = 0
    """The host's port."""

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
        return _on_the_web(uri)
    raise ResourceInvalid(
        "spec.training.source.uri: must be pvc://CLAIM/PATH, configmap://NAME/KEY, http://… or https://…; local paths "
        "are for the command line"
    )


def _on_the_web(uri: str) -> ClusterSource:
    try:
        parts = urlsplit(uri)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise ResourceInvalid(f"spec.training.source.uri: {error}") from error
    if not parts.hostname:
        raise ResourceInvalid("spec.training.source.uri: names no host")
    return ClusterSource("web", parts.hostname, port)
