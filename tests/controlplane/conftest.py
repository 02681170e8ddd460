from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import namespaces
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until
from tests.controlplane.detectors import Detector
from tests.controlplane.running_operator import RunningOperator
from tests.controlplane.shared_operator import SharedOperator

CRD = Path(__file__).parents[2] / "crds" / "pynomaly.io_anomalydetectors.yaml"


def pytest_configure(config: pytest.Config) -> None:
    # `pytest_plugins` is refused below the root; registered so, the fixtures are shared by every folder that asks.
    config.pluginmanager.import_plugin("tests.cluster.fixtures")


@pytest.fixture(scope="session")
def plane(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows the resource."""
    control_plane.kubectl("apply", "--server-side", f"--filename={CRD}")
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={CRD}")
    return control_plane


@pytest.fixture
def kubectl(plane: ControlPlane) -> Kubectl:
    """The administrator's kubectl."""
    return plane.kubectl


@pytest.fixture
def idle_namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own."""
    with namespaces.restricted(kubectl) as name:
        yield name
        # A namespace takes its time to go: meanwhile its detectors would occupy later tests' operators.
        kubectl("delete", "anomalydetectors", "--all", "--wait=false", f"--namespace={name}")


@pytest.fixture(scope="module")
def shared_operator(plane: ControlPlane) -> Iterator[SharedOperator]:
    """The operator of a module's tests that start and stop none."""
    shared = SharedOperator(plane.kubeconfig)
    yield shared
    shared.end()


@pytest.fixture
def detector(kubectl: Kubectl, idle_namespace: str, shared_operator: SharedOperator) -> Detector:
    """A detector that is not applied yet."""
    return Detector(kubectl, idle_namespace, shared_operator.at_work())


@pytest.fixture
def unapplied(kubectl: Kubectl, idle_namespace: str, plane: ControlPlane, shared_operator: SharedOperator) -> Detector:
    """A detector that no operator acts on."""
    shared_operator.end()
    return Detector(kubectl, idle_namespace, RunningOperator(plane.kubeconfig))


@pytest.fixture
def own_operator(unapplied: Detector) -> RunningOperator:
    """The operator that this test starts and ends; what it does is done for the test's one detector."""
    others = ("ad", "--all-namespaces")
    until(lambda: not unapplied.kubectl.read(*others)["items"], within=60, what="other tests' detectors to be gone")
    return unapplied.operator


@pytest.fixture
def refused_detector(kubectl: Kubectl, plane: ControlPlane) -> Detector:
    """A detector that the API server is not to accept, so it needs no namespace of its own."""
    return Detector(kubectl, "default", RunningOperator(plane.kubeconfig))
