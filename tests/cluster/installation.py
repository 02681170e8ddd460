"""The product on the cluster: its images built and delivered, its chart installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import images, namespaces, tools
from tests.cluster.cluster import Cluster
from tests.cluster.commands import run

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/pynomaly-operator"
REPOSITORY = "ghcr.io/pynomaly"
TAG = "0.1.0"
PROGRAMS = ("operator", "trainer", "server", "registry")
RELEASE = "pynomaly"
REGISTRY_PODS = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=registry"
MODELS = "pynomaly-operator-registry"
"""The claim that the chart makes for the registry, and the Deployment that uses it."""


def image(program: str, tag: str = TAG) -> str:
    """The name of a program's image; the chart's own unless the tag is another."""
    return f"{REPOSITORY}/pynomaly-{program}:{tag}"


def build(python_image: str, *programs: str, tag: str = TAG) -> None:
    """Builds images from the checkout, as `make images` does."""
    given = {**images.script_environment(python_image), "REPOSITORY": REPOSITORY, "TAG": tag}
    run(ROOT / "scripts/images", *programs, environment=given)


def deliver(cluster: Cluster, python_image: str, *programs: str, tag: str = TAG) -> None:
    """Builds images from the checkout, and makes them available to pods."""
    build(python_image, *programs, tag=tag)
    for program in programs:
        cluster.load(image(program, tag))


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
        options = [f"--set={value}" for value in values]
        # What a test has edited by hand is the chart's again.
        how = ("--force-conflicts", "--wait", "--timeout=120s")
        return self("upgrade", "--install", RELEASE, str(CHART), *options, *how)


@contextmanager
def installed(cluster: Cluster) -> Iterator[Helm]:
    """The chart in a namespace of its own, and nothing of it afterwards; the images must have been delivered."""
    with namespaces.restricted(cluster.kubectl, "pynomaly-system") as namespace:
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


@contextmanager
def without_registry(cluster: Cluster, helm: Helm) -> Iterator[None]:
    """No registry answers while the context lasts; afterwards it is back."""
    registry, where = f"deployment/{MODELS}", f"--namespace={helm.namespace}"
    cluster.kubectl("scale", registry, "--replicas=0", where)
    try:
        cluster.kubectl("wait", "--for=delete", "pods", f"--selector={REGISTRY_PODS}", where, "--timeout=60s")
        yield
    finally:
        cluster.kubectl("scale", registry, "--replicas=1", where)
        cluster.kubectl("rollout", "status", registry, where, "--timeout=60s")


def _left(cluster: Cluster, namespace: str) -> Iterator[str]:
    """The names of what is left of a release."""
    mine = f"--selector=app.kubernetes.io/instance={RELEASE}"
    for kinds in (
        "deployments,services,serviceaccounts,persistentvolumeclaims",
        "clusterroles,clusterrolebindings,crds",
    ):
        for item in cluster.kubectl.read(kinds, mine, f"--namespace={namespace}")["items"]:
            yield item["metadata"]["name"]
