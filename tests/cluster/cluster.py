"""The cluster that tests run against: the one KUBECONFIG names, or the project's own node."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import images, own_node, tools
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.images import Recipe
from tests.cluster.kubectl import Kubectl

KUBECONFIG = "KUBECONFIG"
LOADER = "IMAGE_LOADER"
_VOLUMES_ELSEWHERE = "/var/lib/pynomaly-tests"


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs pods."""

    kubectl: Kubectl
    load: Callable[[str], None]
    """Makes a built image available to pods, which need not pull it."""
    volumes: str
    """The folder on the node below which tests may keep volumes."""
    seconds_to_ready: float | None = None
    """How long the start took; unknown of a cluster that was there before."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.kubectl.kubeconfig

    def deliver(self, name: str, recipe: Recipe) -> None:
        """Builds the image `name` and makes it available to pods."""
        images.build(name, recipe)
        self.load(name)


def unavailable() -> str | None:
    """Why there is no cluster to test on, in one sentence; None when there is one or one can be started."""
    given = _given()
    if given is None:
        reason = own_node.unavailable()
        return f"{reason} Or set {KUBECONFIG} to a cluster for tests." if reason else None
    if not given.exists():
        return f"{KUBECONFIG} names {given}, which does not exist."
    if LOADER not in os.environ:
        example = "'kind load image-archive'"
        return f"Set {LOADER} to the command that brings an image archive to {KUBECONFIG}'s cluster, such as {example}."
    return None


@contextmanager
def running() -> Iterator[Cluster]:
    """The cluster for tests; an own node that was not up before goes down with the context.

    Raises:
        ClusterError: there is none; the message says what this machine lacks.
    """
    reason = unavailable()
    if reason:
        raise ClusterError(reason)
    given = _given()
    if given is not None:
        yield Cluster(Kubectl(_kubectl(), given), _load_elsewhere, _VOLUMES_ELSEWHERE)
        return
    seconds = own_node.up()
    try:
        yield Cluster(own_node.kubectl(), own_node.load, str(own_node.volumes()), seconds)
    finally:
        if seconds is not None:
            own_node.down()


def _given() -> Path | None:
    """The kubeconfig that the user names; that of the own node is not somebody else's cluster."""
    named = os.environ.get(KUBECONFIG)
    return Path(named) if named and Path(named) != own_node.kubeconfig() else None


def _load_elsewhere(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(*shlex.split(os.environ[LOADER]), images.archive(name, Path(folder) / "image.tar"))


def _kubectl() -> Path:
    found = shutil.which("kubectl")
    return Path(found) if found else tools.built(tools.CONTROL_PLANE) / "kubectl"
