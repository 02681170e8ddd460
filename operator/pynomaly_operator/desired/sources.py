"""Where training rows come from in a cluster."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pynomaly_inference.credentials import VARIABLES
from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.source_uri import AZURE, MOUNTED, OBJECTS, POSTGRESQL, WEB

_WITH_HOST = re.compile(f"{WEB}|{POSTGRESQL}")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432}
_STORES = {
    "s3": "s3.amazonaws.com",
    "gs": "storage.googleapis.com",
    "azure": "blob.core.windows.net",
    "abfs": "blob.core.windows.net",
}
"""Where a store is unless its credentials say something else, which nobody reads here: at public addresses."""

Scheme = Literal["pvc", "configmap", "web"]


@dataclass(frozen=True, slots=True)
class ClusterSource:
    """A claim or config map to mount, or a place on the network."""

    scheme: Scheme
    name: str
    """Of the claim or config map, or of the host: a name or a literal address, without brackets."""
    port: int = 0
    """The host's port."""
    variables: tuple[str, ...] = ()
    """Of the environment, by which it is opened."""

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
    scheme, _, rest = uri.partition("://")
    if re.fullmatch(MOUNTED, uri):
        return ClusterSource("pvc" if scheme == "pvc" else "configmap", rest.partition("/")[0])
    if _WITH_HOST.fullmatch(uri):
        return _of_host(uri)
    if re.fullmatch(f"{OBJECTS}|{AZURE}", uri):
        return ClusterSource("web", _STORES[scheme], _PORTS["https"], VARIABLES[scheme])
    raise ResourceInvalid(
        "spec.training.source.uri: must be pvc://CLAIM/PATH, configmap://NAME/KEY, http(s)://…, s3://BUCKET/KEY, "
        "gs://BUCKET/KEY, azure://CONTAINER/PATH, abfs://… or postgresql://HOST/DATABASE; local paths are for the "
        "command line"
    )


def _of_host(uri: str) -> ClusterSource:
    try:
        parts = urlsplit(uri)
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise ResourceInvalid(f"spec.training.source.uri: {error}") from error
    if not parts.hostname:
        raise ResourceInvalid("spec.training.source.uri: names no host")
    return ClusterSource("web", parts.hostname, port, VARIABLES[parts.scheme])
