"""Where a resource's source is looked for on this machine, and from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pynomaly_inference.datasets.addresses import Destinations


@dataclass(frozen=True, slots=True)
class Places:
    """What the command line says about sources.

    base: the resource file's folder; relative paths start there. data: the path (or glob) that replaces the source
    altogether. mounts: a volume's prefix, `pvc://NAME` or `configmap://NAME`, to the local folder that stands for it.
    environment: the variables that may hold credentials. destinations: where connections may go; None is anywhere.
    """

    base: Path
    data: Path | None = None
    mounts: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    destinations: Destinations | None = None
