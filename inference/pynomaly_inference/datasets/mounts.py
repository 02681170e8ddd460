"""Volumes of the cluster, `pvc://NAME/PATH` and `configmap://NAME/PATH`, as local folders."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath

from pynomaly_inference.datasets import local
from pynomaly_inference.datasets.formats import SourceFile
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import ResourceInvalid, SourceUnreachable


def located(uri: str, places: Places) -> AbstractContextManager[tuple[SourceFile, ...]]:
    """The files of a volume that a mount stands for.

    Raises ResourceInvalid when no mount is given, or when the path or a link leads out of the mounted folder;
    SourceUnreachable when nothing is there.
    """
    scheme, _, rest = uri.partition("://")
    volume, _, path = rest.partition("/")
    prefix = f"{scheme.lower()}://{volume}"
    if not volume or not path:
        raise ResourceInvalid(f"`{uri}` names no file: write `{scheme}://NAME/PATH`, such as `{scheme}://data/*.csv`")
    folder = _mounted(prefix, places)
    if folder is None:
        raise ResourceInvalid(f"`{prefix}` is a volume of the cluster: add `--mount {prefix}=FOLDER` to read it here")
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ResourceInvalid(f"the path of `{uri}` leaves its volume: write it from the volume's top, without `..`")
    if not folder.is_dir():
        raise SourceUnreachable(f"`{prefix}` is mounted from `{folder}`, which is no folder")
    return nullcontext(_inside(local.matching(path, folder), folder))


def _mounted(prefix: str, places: Places) -> Path | None:
    for mount, folder in places.mounts.items():
        if mount.rstrip("/") == prefix:
            return folder
    return None


def _inside(files: tuple[SourceFile, ...], folder: Path) -> tuple[SourceFile, ...]:
    """The same files, when none is a link that leads out of the folder."""
    top = folder.resolve()
    for file in files:
        if not file.path.resolve().is_relative_to(top):
            raise ResourceInvalid(f"`{file.name}` is a link that leaves the volume's folder `{folder}`: copy it in")
    return files
