"""The golden files: every child of two detectors. `python -m tests.unit.operator.golden` writes them."""

from collections.abc import Iterator
from pathlib import Path

from tests.unit.operator.resources import full, minimal

from pynomaly_operator.api.crd import to_yaml
from pynomaly_operator.desired.children import children
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import Manifest

FOLDER = Path(__file__).parent / "golden"


def rendered() -> Iterator[tuple[str, Manifest]]:
    """Every child with the name of its file."""
    for size, wanted in (("minimal", minimal()), ("full", full())):
        for manifest in children(wanted):
            yield f"{size}-{manifest['kind'].lower()}{_suffix(manifest, wanted)}.yaml", manifest


def _suffix(manifest: Manifest, wanted: Wanted) -> str:
    """What tells two children of a kind apart."""
    name: str = manifest["metadata"]["name"]
    if manifest["kind"] in ("ServiceAccount", "ConfigMap", "NetworkPolicy"):
        return "-" + name.removeprefix(f"ad-{wanted.detector.uid}-").removeprefix(f"{wanted.detector.name}-")
    return ""


def write() -> None:
    """Writes all files anew."""
    for old in FOLDER.glob("*.yaml"):
        old.unlink()
    for name, manifest in rendered():
        (FOLDER / name).write_text(to_yaml(manifest))


if __name__ == "__main__":
    write()
