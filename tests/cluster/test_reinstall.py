"""The definition outlives its release, and the next one has to be told what becomes of it."""

import uuid
from collections.abc import Iterator

import pytest
from tests.cluster import namespaces, tools
from tests.cluster.control_plane import ControlPlane
from tests.cluster.errors import ClusterError
from tests.cluster.installation import CHART, Helm

DEFINITION = "anomalydetectors.pynomaly.io"


@pytest.fixture
def other_namespace(control_plane: ControlPlane) -> Iterator[Helm]:
    """helm in a namespace that had no release, after one was uninstalled from another."""
    kubectl = control_plane.kubectl
    with namespaces.restricted(kubectl, "former") as former, namespaces.restricted(kubectl, "later") as later:
        before, after = (_helm(control_plane, namespace) for namespace in (former, later))
        before("install", "pynomaly", str(CHART))
        before("uninstall", "pynomaly")
        try:
            yield after
        finally:
            after("uninstall", "pynomaly", "--ignore-not-found")
            kubectl("delete", "crd", DEFINITION)


def test_a_release_in_another_namespace_is_refused_for_the_kept_definition(other_namespace: Helm) -> None:
    with pytest.raises(ClusterError, match=f'"{DEFINITION}".*invalid ownership metadata'):
        other_namespace("install", "pynomaly", str(CHART))


def test_it_may_take_the_definition_over(control_plane: ControlPlane, other_namespace: Helm) -> None:
    other_namespace("install", "pynomaly", str(CHART), "--take-ownership")
    assert _owner(control_plane) == other_namespace.namespace
    other_namespace("upgrade", "pynomaly", str(CHART), f"--description={uuid.uuid4()}")


def test_it_may_leave_the_definition_alone(control_plane: ControlPlane, other_namespace: Helm) -> None:
    other_namespace("install", "pynomaly", str(CHART), "--set=crds.enabled=false")
    assert _owner(control_plane) != other_namespace.namespace


@pytest.mark.usefixtures("other_namespace")
def test_a_release_in_the_same_namespace_needs_nothing(control_plane: ControlPlane) -> None:
    former = _helm(control_plane, _owner(control_plane))
    former("install", "pynomaly", str(CHART))
    former("uninstall", "pynomaly")


def _helm(plane: ControlPlane, namespace: str) -> Helm:
    return Helm(tools.built(tools.CONTROL_PLANE) / "helm", plane.kubeconfig, namespace)


def _owner(plane: ControlPlane) -> str:
    annotations = plane.kubectl.read("crd", DEFINITION)["metadata"]["annotations"]
    return str(annotations["meta.helm.sh/release-namespace"])
