"""The fixtures of the tiers that need an API server: a plugin, so that both share one control plane and one node."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from tests.cluster import bare, cluster, images, installation, namespaces, volumes
from tests.cluster.cluster import Cluster
from tests.cluster.control_plane import ControlPlane
from tests.cluster.images import Recipe
from tests.cluster.installation import Helm
from tests.cluster.volumes import Files, Volumes

_PROBE = Path(__file__).parent / "probe"
_PROBE_IMAGE = "localhost/pynomaly-probe:1"


_STARTED = pytest.StashKey[Cluster]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tells how long the start of the node took, which is a figure to watch."""
    started = config.stash.get(_STARTED, None)
    if started is not None and started.seconds_to_ready is not None:
        terminalreporter.write_line(f"The node was ready in {started.seconds_to_ready:.1f} s.")


class ClaimMaker(Protocol):
    """Makes a claim in the test's namespace and returns its name."""

    def __call__(self, files: Files, *, name: str = "data", labels: Mapping[str, str] | None = None) -> str: ...


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver on loopback, and controllers that collect garbage; honours KUBEBUILDER_ASSETS."""
    with bare.running(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(name="cluster", scope="session")
def _cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that runs pods: the one KUBECONFIG names, or a node of our own."""
    with cluster.running() as running:
        request.config.stash[_STARTED] = running
        yield running


@pytest.fixture(scope="session")
def python_image() -> str:
    """The name of the base image that product and test images are built on."""
    return images.base()


@pytest.fixture(scope="session")
def probe_image(cluster: Cluster, python_image: str) -> str:
    """An image whose server answers with the files below /srv, on port 8000, as user 1000."""
    recipe = Recipe(_PROBE, _PROBE / "Dockerfile", arguments={"PYTHON_IMAGE": python_image})
    cluster.deliver(_PROBE_IMAGE, recipe)
    return _PROBE_IMAGE


@pytest.fixture(scope="session")
def release(cluster: Cluster, python_image: str) -> Iterator[Helm]:
    """The product, built from the checkout and installed by its chart."""
    installation.deliver(cluster, python_image, *installation.PROGRAMS)
    with installation.installed(cluster) as helm:
        yield helm


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A new namespace that enforces Pod Security `restricted`."""
    with namespaces.restricted(cluster.kubectl) as name:
        yield name


@pytest.fixture(scope="session")
def cluster_volumes(cluster: Cluster, probe_image: str) -> Iterator[Volumes]:
    """What makes claims in any namespace."""
    with volumes.writing(cluster.kubectl, cluster.volumes, probe_image) as made:
        yield made


@pytest.fixture
def claim_with(cluster_volumes: Volumes, namespace: str) -> ClaimMaker:
    """Makes a ReadWriteOnce claim in `namespace` that holds the given files."""

    def make(files: Files, *, name: str = "data", labels: Mapping[str, str] | None = None) -> str:
        cluster_volumes.claim(namespace, name, files, labels)
        return name

    return make
