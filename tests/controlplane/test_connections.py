"""Who reaches whom, by the policies of the operator and of the chart together, as an engine of a cluster reads them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
import yaml
from tests.cluster import tools
from tests.cluster.commands import run
from tests.cluster.installation import CHART
from tests.controlplane.cyclonus import Connection, Peer, let_through
from tests.unit.operator.desired import traffic
from tests.unit.operator.resources import FULL_DETECTOR, MINIMAL, PROGRAMS, model, wanted

from pynomaly_operator.desired.children import children
from pynomaly_operator.manifest import Manifest

OWN, SYSTEM = FULL_DETECTOR.namespace, "pynomaly-system"
SOURCE = "https://data.example.com/rows.parquet"
NETWORK: dict[str, Any] = {
    "allowFrom": [{"namespace": "monitoring"}],
    "allowTo": [{"cidr": "10.20.0.0/16", "port": 5432}, {"namespace": "storage", "port": 9000}],
}

NEIGHBOUR = Peer("10.244.0.20", OWN, {"app": "shop"})
PROMETHEUS = Peer("10.244.0.21", "monitoring", {"app.kubernetes.io/name": "prometheus"})
STRANGER = Peer("10.244.0.22", "strangers", {"app": "curious"})
MINIO = Peer("10.244.0.23", "storage", {"app": "minio"})
COREDNS = Peer("10.244.0.24", "kube-system", {"k8s-app": "kube-dns"})
NODE_DNS = Peer("169.254.20.10")
METADATA = Peer("169.254.169.254")
API_SERVICE, API_SERVER = Peer("10.96.0.1"), Peer("172.18.0.2")
WAREHOUSE, NEXT_TO_WAREHOUSE = Peer("10.20.3.4"), Peer("10.21.0.4")
INTERNET, INTERNET_6 = Peer("93.184.215.14"), Peer("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
UNIQUE_LOCAL = Peer("fd00:20::1")


@dataclass(frozen=True)
class World:
    """All policies, and the pods that they are about."""

    policies: list[Manifest]
    server: Peer
    trainer: Peer
    operator: Peer
    registry: Peer

    def lets(self, source: Peer, destination: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether the one reaches the other."""
        (verdict,) = let_through(self.policies, Connection(source, destination, port, protocol))
        return verdict


@pytest.fixture(scope="module")
def chart() -> list[Manifest]:
    """Everything that the chart installs by default."""
    helm = tools.built(tools.CONTROL_PLANE) / "helm"
    text = run(helm, "template", "pynomaly", CHART, f"--namespace={SYSTEM}", "--skip-crds")
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def world(chart: list[Manifest], uri: str = SOURCE, **network: Any) -> World:
    """A detector with this source beside the chart: its policies, and its pods by their templates."""
    content = {**MINIMAL, "training": {"source": {"uri": uri}}, "network": network}
    asked = wanted(content, model(content), due=True)
    programs = replace(PROGRAMS, registry_url=_setting(chart, "PYNOMALY_REGISTRY_URL"), namespace=SYSTEM)
    made = list(children(replace(asked, programs=programs)))
    return World(
        [manifest for manifest in (*made, *chart) if manifest["kind"] == "NetworkPolicy"],
        server=Peer("10.244.0.10", OWN, _labels(made, "Deployment")),
        trainer=Peer("10.244.0.11", OWN, _labels(made, "Job")),
        operator=Peer("10.244.0.12", SYSTEM, _labels(chart, "Deployment", "pynomaly-operator")),
        registry=Peer("10.244.0.13", SYSTEM, _labels(chart, "Deployment", "pynomaly-operator-registry")),
    )


@pytest.fixture(scope="module")
def shuttle(chart: list[Manifest]) -> World:
    """A detector whose source has a name, with entries in both lists of `network`."""
    return world(chart, **NETWORK)


@pytest.mark.parametrize("port", [8000, 8001])
@pytest.mark.parametrize("peer", [NEIGHBOUR, PROMETHEUS], ids=["own namespace", "allowFrom"])
def test_serving_pods_are_asked_to_score_from_their_own_namespace_and_by_allow_from(
    shuttle: World, peer: Peer, port: int
) -> None:
    assert shuttle.lets(peer, shuttle.server, port)


@pytest.mark.parametrize("port", [8000, 8001, 9090])
@pytest.mark.parametrize(
    "peer",
    [STRANGER, MINIO, COREDNS, INTERNET, WAREHOUSE],
    ids=["another namespace", "allowTo", "kube-system", "internet", "private address"],
)
def test_nobody_else_connects_to_serving_pods(shuttle: World, peer: Peer, port: int) -> None:
    assert not shuttle.lets(peer, shuttle.server, port)


def test_metrics_are_read_by_the_operator_and_by_allow_from_and_not_by_the_detectors_neighbours(
    shuttle: World,
) -> None:
    assert shuttle.lets(shuttle.operator, shuttle.server, 9090)
    assert shuttle.lets(PROMETHEUS, shuttle.server, 9090)
    assert not shuttle.lets(NEIGHBOUR, shuttle.server, 9090)
    assert not shuttle.lets(shuttle.trainer, shuttle.server, 9090)


def test_the_operator_does_not_score(shuttle: World) -> None:
    assert not shuttle.lets(shuttle.operator, shuttle.server, 8000)


@pytest.mark.parametrize("port", [22, 80, 443, 8080, 10250])
def test_no_other_port_of_a_serving_pod_is_open_to_anybody(shuttle: World, port: int) -> None:
    for peer in (NEIGHBOUR, PROMETHEUS, shuttle.operator, shuttle.registry, STRANGER, INTERNET):
        assert not shuttle.lets(peer, shuttle.server, port)


@pytest.mark.parametrize("port", [22, 80, 443, 8000, 8001, 9090])
def test_nobody_connects_to_training_pods(shuttle: World, port: int) -> None:
    for peer in (NEIGHBOUR, PROMETHEUS, shuttle.operator, shuttle.registry, shuttle.server, STRANGER, INTERNET):
        assert not shuttle.lets(peer, shuttle.trainer, port)


def test_serving_and_training_pods_reach_the_registry_and_nothing_else_of_its_namespace(shuttle: World) -> None:
    for pod in (shuttle.server, shuttle.trainer):
        assert shuttle.lets(pod, shuttle.registry, 8000)
        assert not shuttle.lets(pod, shuttle.registry, 9090)
        assert not shuttle.lets(pod, shuttle.operator, 8080)


def test_serving_and_training_pods_resolve_names_also_by_a_cache_on_their_node(shuttle: World) -> None:
    for pod, resolver, protocol in product((shuttle.server, shuttle.trainer), (COREDNS, NODE_DNS), ("UDP", "TCP")):
        assert shuttle.lets(pod, resolver, 53, protocol)


@pytest.mark.parametrize("port", [80, 443, 5432, 6443, 9000])
def test_serving_pods_connect_to_nobody_else(shuttle: World, port: int) -> None:
    inside = (NEIGHBOUR, STRANGER, MINIO, PROMETHEUS, COREDNS)
    outside = (INTERNET, INTERNET_6, WAREHOUSE, METADATA, API_SERVICE, API_SERVER)
    for peer in (*inside, *outside):
        assert not shuttle.lets(shuttle.server, peer, port)


@pytest.mark.parametrize("peer", [INTERNET, INTERNET_6], ids=["IPv4", "IPv6"])
def test_training_pods_reach_the_port_of_a_source_with_a_name_and_no_other(shuttle: World, peer: Peer) -> None:
    assert shuttle.lets(shuttle.trainer, peer, 443)
    assert not shuttle.lets(shuttle.trainer, peer, 80)
    assert not shuttle.lets(shuttle.trainer, peer, 443, "UDP")


def test_training_pods_reach_what_allow_to_names_and_not_what_lies_beside_it(shuttle: World) -> None:
    assert shuttle.lets(shuttle.trainer, WAREHOUSE, 5432)
    assert shuttle.lets(shuttle.trainer, MINIO, 9000)
    assert not shuttle.lets(shuttle.trainer, WAREHOUSE, 5433)
    assert not shuttle.lets(shuttle.trainer, NEXT_TO_WAREHOUSE, 5432)
    assert not shuttle.lets(shuttle.trainer, MINIO, 443)


@pytest.mark.parametrize("port", [80, 443, 6443])
@pytest.mark.parametrize(
    "peer",
    [METADATA, API_SERVICE, API_SERVER, WAREHOUSE, UNIQUE_LOCAL, NEIGHBOUR, STRANGER],
    ids=["metadata", "API Service", "API server", "private", "unique local", "own namespace", "another namespace"],
)
def test_training_pods_reach_nothing_private_whatever_the_name_of_a_source_means(
    shuttle: World, peer: Peer, port: int
) -> None:
    assert not shuttle.lets(shuttle.trainer, peer, port)


@pytest.mark.parametrize("address", ["169.254.169.254", "10.96.0.1"], ids=["metadata", "API Service"])
def test_a_source_with_a_private_address_is_not_reached_without_allow_to(chart: list[Manifest], address: str) -> None:
    uri, peer = f"http://{address}/rows.csv", Peer(address)
    closed, opened = world(chart, uri), world(chart, uri, allowTo=[{"cidr": f"{address}/32", "port": 80}])

    assert not closed.lets(closed.trainer, peer, 80)
    assert opened.lets(opened.trainer, peer, 80)


def test_training_pods_with_a_mounted_source_reach_the_registry_and_names_alone(chart: list[Manifest]) -> None:
    mounted = world(chart, "pvc://telemetry/rows.csv")

    assert mounted.lets(mounted.trainer, mounted.registry, 8000)
    assert mounted.lets(mounted.trainer, COREDNS, 53, "UDP")
    for peer, port in product((INTERNET, WAREHOUSE, MINIO, METADATA, NEIGHBOUR), (80, 443, 5432, 9000)):
        assert not mounted.lets(mounted.trainer, peer, port)


def test_pods_that_are_no_detectors_are_as_open_as_before(shuttle: World) -> None:
    for port in (80, 8000):
        assert shuttle.lets(STRANGER, NEIGHBOUR, port)
        assert shuttle.lets(NEIGHBOUR, INTERNET, port)


def test_the_unit_tests_read_every_policy_as_cyclonus_does(shuttle: World) -> None:
    asked = list(_questions(shuttle))
    theirs = let_through(shuttle.policies, *asked)

    assert [_as_the_unit_tests(shuttle.policies, question) for question in asked] == theirs
    assert set(theirs) == {True, False}


def _questions(shuttle: World) -> Iterator[Connection]:
    """From and to each of the detector's pods, to and from everybody, on every port that is named anywhere."""
    peers = (NEIGHBOUR, PROMETHEUS, STRANGER, MINIO, COREDNS, INTERNET, INTERNET_6, METADATA, WAREHOUSE, UNIQUE_LOCAL)
    everybody = (*peers, shuttle.operator, shuttle.registry)
    ports = (53, 80, 443, 5432, 8000, 8001, 9000, 9090)
    for pod, peer, port, protocol in product((shuttle.server, shuttle.trainer), everybody, ports, ("TCP", "UDP")):
        yield Connection(pod, peer, port, protocol)
        yield Connection(peer, pod, port, protocol)


def _as_the_unit_tests(policies: list[Manifest], connection: Connection) -> bool:
    """The same by the reading of NetworkPolicies with which the unit tests are done."""
    port = traffic.Port(connection.port, connection.protocol)
    ends = (connection.source, connection.destination)
    peers = [traffic.Peer(end.address, end.namespace, end.labels) for end in ends]
    pods = [None if end.namespace is None else traffic.Pod(end.namespace, end.labels) for end in ends]
    leaves = pods[0] is None or traffic.passes(policies, pods[0], "Egress", peers[1], port)
    return leaves and (pods[1] is None or traffic.passes(policies, pods[1], "Ingress", peers[0], port))


def _labels(manifests: list[Manifest], kind: str, name: str | None = None) -> dict[str, str]:
    """The labels of the pods that the one object of this kind makes."""
    (found,) = (m for m in manifests if m["kind"] == kind and name in (None, m["metadata"]["name"]))
    labels: dict[str, str] = found["spec"]["template"]["metadata"]["labels"]
    return labels


def _setting(chart: list[Manifest], name: str) -> str:
    """What the chart tells the operator."""
    (operator,) = (m for m in chart if m["kind"] == "Deployment" and m["metadata"]["name"] == "pynomaly-operator")
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    (value,) = (variable["value"] for variable in container["env"] if variable["name"] == name)
    return str(value)
