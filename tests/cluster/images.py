"""Container images, built by buildah without a daemon, on a base made of Debian's packages."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.cluster import places, tools
from tests.cluster.caching import cached, exclusive, key
from tests.cluster.commands import run, succeeds
from tests.cluster.errors import ClusterError

BASE_PACKAGES = ("ca-certificates", "python-is-python3", "python3", "python3-venv")
# The package index that this machine is set up for may need its certificates.
_CERTIFICATES = "--volume=/etc/ssl/certs:/etc/ssl/certs:ro"
# What Debian's own slim images leave out.
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/lib/apt/lists")
_DOWNLOADED = "var/cache/apt"


@dataclass(frozen=True)
class Recipe:
    """What an image is built from."""

    context: Path
    dockerfile: Path
    target: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


def build(name: str, recipe: Recipe) -> None:
    """Builds the image `name`, such as `localhost/server:1`, into the local storage; unchanged layers are reused."""
    options = ["--layers", _CERTIFICATES, f"--tag={name}", f"--file={recipe.dockerfile}"]
    options.extend(f"--build-arg={argument}={value}" for argument, value in recipe.arguments.items())
    if recipe.target is not None:
        options.append(f"--target={recipe.target}")
    _buildah("build", *options, recipe.context)


def script_environment(python_image: str) -> dict[str, str]:
    """What makes `scripts/images` build into the local storage as `build` does."""
    return {
        **os.environ,
        "BUILDAH_ISOLATION": "chroot",
        "BUILDER": " ".join(map(str, _command())),
        "BUILD_OPTIONS": f"--layers {_CERTIFICATES}",
        "PYTHON_IMAGE": python_image,
    }


def archive(name: str, path: Path) -> Path:
    """Writes a built image into an OCI archive, uncompressed: it goes no further than this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    _buildah("push", "--disable-compression", "--quiet", name, f"oci-archive:{path}:{name}")
    return path


def base() -> str:
    """The name of the image that others are built on: PYTHON_IMAGE, or one of our own."""
    return os.environ.get("PYTHON_IMAGE") or python_image()


def python_image(packages: tuple[str, ...] = BASE_PACKAGES) -> str:
    """The name of a base image with this machine's Debian release and the packages, made at its first use."""
    suite = _suite()
    name = f"localhost/python-base:{suite}-{key(*sorted(packages))}"
    with exclusive(places.cache() / "python-base.lock"):
        if not succeeds(*_command("inspect", "--type=image", name)):
            sys.stderr.write(f"Making the base image {name} (about 2 minutes, once)\n")
            with tempfile.TemporaryDirectory(dir=places.cache()) as folder:
                _make_base(name, suite, packages, Path(folder) / "root")
    return name


def identity(name: str) -> str:
    """What tells one version of a built image from another."""
    return _buildah("images", "--quiet", "--no-trunc", name).strip()


def pause_archive(name: str) -> Path:
    """The archive of the image that holds a pod's namespaces; its folder's name tells its version."""
    program = tools.pause() / "pause"
    dockerfile = places.SOURCES / "pause" / "Dockerfile"

    def make(folder: Path) -> None:
        build(name, Recipe(program.parent, dockerfile))
        archive(name, folder / "image.tar")

    version = key(name, program.read_bytes(), dockerfile.read_bytes())
    return cached(places.cache() / "images" / f"pause-{version}", make) / "image.tar"


def _make_base(name: str, suite: str, packages: tuple[str, ...], root: Path) -> None:
    wanted = f"--include={','.join(sorted(packages))}"
    run("debootstrap", "--variant=minbase", wanted, suite, root, *_mirror(suite))
    for unused in (*_UNUSED, _DOWNLOADED):
        shutil.rmtree(root / unused, ignore_errors=True)
        (root / unused).mkdir(parents=True)
    container = _buildah("from", "scratch").strip()
    try:
        _buildah("add", "--quiet", container, root, "/")
        _buildah("config", "--cmd=python3", container)
        _buildah("commit", "--quiet", container, name)
    finally:
        _buildah("rm", container)


def _suite() -> str:
    try:
        return platform.freedesktop_os_release()["VERSION_CODENAME"]
    except (OSError, KeyError) as error:
        raise ClusterError("This is no Debian: name a base image in PYTHON_IMAGE instead.") from error


def _mirror(suite: str) -> list[str]:
    """The archive that this machine's apt is set up for; none leaves the choice to debootstrap."""
    only = (f"Codename: {suite}", "Component: main", "Created-By: Packages")
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", *only)
    return listed.split()[:1]


def _buildah(*arguments: str | Path) -> str:
    return run(*_command(*arguments), environment={**os.environ, "BUILDAH_ISOLATION": "chroot"})


def _command(*arguments: str | Path) -> tuple[str | Path, ...]:
    return (*_storage(_driver()), *arguments)


@cache
def _driver() -> str:
    """overlay, or the slow and always possible vfs where the cache's file system cannot carry overlay."""
    return "overlay" if succeeds(*_storage("overlay"), "info") else "vfs"


def _storage(driver: str) -> tuple[str | Path, ...]:
    root = places.cache() / "containers" / driver
    return ("buildah", f"--root={root}", f"--runroot={root / 'run'}", f"--storage-driver={driver}")
