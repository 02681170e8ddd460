"""Files on this machine: plain paths, `file://`, and what a glob matches."""

import glob
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from urllib.parse import unquote

from pynomaly_inference.datasets.formats import SourceFile, source_file
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import ResourceInvalid, SourceUnreachable

FILE_PREFIX = "file://"


def located(uri: str, places: Places) -> AbstractContextManager[tuple[SourceFile, ...]]:
    """The files of a path or a `file://` URI, relative to the resource file's folder; see `matching`."""
    if not uri.lower().startswith(FILE_PREFIX):
        return nullcontext(matching(uri, places.base))
    path = unquote(uri[len(FILE_PREFIX) :])
    if path.startswith("localhost/"):
        path = path.removeprefix("localhost")
    return nullcontext(matching(path, places.base))


def matching(pattern: str, folder: Path) -> tuple[SourceFile, ...]:
    """The files that a path or a glob (`*`, `?`, `[…]`, `**`) names, sorted by name; relative ones are in `folder`.

    Hidden files match only when the pattern names them. Raises SourceUnreachable when there is none, ResourceInvalid
    when the path is a folder or a suffix is unknown.
    """
    try:
        return _matching(pattern, folder)
    except OSError as error:
        raise SourceUnreachable(f"cannot look for `{pattern}` in `{folder}`: {error.strerror}") from error


def _matching(pattern: str, folder: Path) -> tuple[SourceFile, ...]:
    literal = folder / pattern
    if literal.is_dir():
        raise ResourceInvalid(f"`{pattern}` is a folder: name its files, such as `{pattern.rstrip('/')}/*.parquet`")
    if literal.is_file():
        return (source_file(literal, pattern),)
    if not glob.has_magic(pattern):
        raise SourceUnreachable(f"there is no file `{pattern}` in `{folder}`{_hint(literal)}")
    found = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - pathlib's matches hidden files too
    names = sorted(name for name in found if (folder / name).is_file())
    if not names:
        raise SourceUnreachable(f"no file matches `{pattern}` in `{folder}`")
    return tuple(source_file(folder / name, name) for name in names)


def _hint(missing: Path) -> str:
    if missing.parent.is_dir():
        return ""
    return f": there is no folder `{missing.parent}`"
