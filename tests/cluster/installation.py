"""The product on the cluster: its images built and delivered, its chart installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import namespaces, tools
from tests.cluster.cluster import Cluster
from tests.cluster.commands import run
from tests.cluster.images import Recipe
from tests.cluster.volumes import Volumes

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/pynomaly-operator"
REPOSITORY = "localhost"
TAG = "0.1.0"
DOCKERFILES = {
    "operator": ("operator/Dockerfile", None),
    "trainer": ("inference/Dockerfile", "trainer"),
    "server": ("inference/Dockerfile", "server"),
    "registry": ("inference/Dockerfile", "registry"),
}
RELEASE = "pynomaly"
MODELS = "pynomaly-operator-registry"
"""The claim that the chart makes for the registry."""


def image(program: str, tag: str = TAG) -> str:
    """The name of a program's image."""
    return f"{REPOSITORY}/pynomaly-{program}:{tag}"


def deliver(cluster: Cluster, program: str, python_image: str, tag: str = TAG) -> str:
    """Builds a program's image from the checkout, makes it available to pods, and returns its name."""
    dockerfile, target = DOCKERFILES[program]
    recipe = Recipe(ROOT, ROOT / dockerfile, target, {"PYTHON_IMAGE": python_image})
    cluster.deliver(image(program, tag), recipe)
    return image(program, tag)


@dataclass(frozen=True)
class Helm:
    """helm with its cluster and namespace."""

    program: Path
    kubeconfig: Path
    namespace: str

    def __call__(self, *arguments: str) -> str:
        """What helm prints; a ClusterError carries what it complained about."""
        where = (f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}")
        return run(self.program, *arguments, *where)

    def install(self, *values: str) -> str:
        """Installs or upgrades the chart and waits until it is ready."""
        given = (f"images.repository={REPOSITORY}", f"images.tag={TAG}", "registry.storage.size=1Gi")
        options = [f"--set={value}" for value in (*given, *values)]
        # What a test has edited by hand is the chart's again.
        how = ("--force-conflicts", "--wait", "--timeout=120s")
        return self("upgrade", "--install", RELEASE, str(CHART), *options, *how)


@contextmanager
def installed(cluster: Cluster, volumes: Volumes) -> Iterator[Helm]:
    """The chart in a namespace of its own, and nothing of it afterwards; the images must have been delivered."""
    with namespaces.restricted(cluster.kubectl, "pynomaly-system") as namespace:
        volumes.reserve(namespace, MODELS)
        helm = Helm(tools.built(tools.CONTROL_PLANE) / "helm", cluster.kubeconfig, namespace)
        helm.install()
        try:
            yield helm
        finally:
            helm("uninstall", RELEASE, "--wait", "--timeout=60s")
            left = set(_left(cluster, namespace))
            cluster.kubectl("delete", "crd", "anomalydetectors.pynomaly.io", "--ignore-not-found", "--timeout=60s")
        # The models and the detectors outlive the release; nothing else does.
        assert left == {"anomalydetectors.pynomaly.io", MODELS}, left


def _left(cluster: Cluster, namespace: str) -> Iterator[str]:
    """The names of what is left of a release."""
    mine = f"--selector=app.kubernetes.io/instance={RELEASE}"
    for kinds in (
        "deployments,services,serviceaccounts,persistentvolumeclaims",
        "clusterroles,clusterrolebindings,crds",
    ):
        for item in cluster.kubectl.read(kinds, mine, f"--namespace={namespace}")["items"]:
            yield item["metadata"]["name"]
