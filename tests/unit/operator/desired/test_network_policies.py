"""Questions to the policies: who reaches which port of whom."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.desired.traffic import Peer, Pod, Port, passes
from tests.unit.operator.resources import FULL, FULL_DETECTOR, MINIMAL, PROGRAMS, full, wanted

from pynomaly_operator.api.network import AllowTo, Network
from pynomaly_operator.desired.labels import SERVER, TRAINER, of_pods
from pynomaly_operator.desired.network_policies import needs_permission, serving_policy, training_policy
from pynomaly_operator.desired.sources import cluster_source
from pynomaly_operator.desired.wanted import Identity, Wanted
from pynomaly_operator.manifest import Manifest

OWN = FULL_DETECTOR.namespace
SERVING_POD = Pod(OWN, of_pods(FULL_DETECTOR, SERVER))
TRAINING_POD = Pod(OWN, of_pods(FULL_DETECTOR, TRAINER))
NEIGHBOUR, OPERATOR, MONITORING = Peer(namespace=OWN), Peer(namespace="pynomaly"), Peer(namespace="monitoring")
STRANGER, INTERNET, METADATA = Peer(namespace="strangers"), Peer("93.184.215.14"), Peer("169.254.169.254")
SOURCE_PORT = Port(443)
CLOSED = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
)
NEXT_TO_CLOSED = (
    "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "100.63.255.255",
    "100.128.0.0", "169.253.255.255", "169.255.0.0", "fbff:ffff::1", "fe00::1", "fe7f:ffff::1", "fec0::1",
)  # fmt: skip


def policies(content: dict[str, Any]) -> list[Manifest]:
    """Both policies of a detector with this spec."""
    return of(wanted(content))


def of(detector: Wanted) -> list[Manifest]:
    """Both policies."""
    training = training_policy(detector)
    assert training is not None
    return [serving_policy(detector), training]


def trains_from(uri: str, **network: Any) -> list[Manifest]:
    """Both policies of a detector with this source."""
    return policies({**MINIMAL, "training": {"source": {"uri": uri}}, "network": network})


def trainer_reaches(rules: list[Manifest], peer: Peer, port: Port) -> bool:
    return passes(rules, TRAINING_POD, "Egress", peer, port)


@pytest.mark.parametrize(
    ("peer", "open_ports"),
    [
        (NEIGHBOUR, {8000, 8001}),
        (OPERATOR, {9090}),
        (MONITORING, {8000, 8001, 9090}),
        (STRANGER, set()),
        (INTERNET, set()),
        (METADATA, set()),
    ],
    ids=["own namespace", "operator", "allowFrom", "another namespace", "internet", "link-local"],
)
def test_serving_pods_are_reached_where_they_are_meant_to_be(peer: Peer, open_ports: set[int]) -> None:
    asked = (22, 80, 8000, 8001, 8080, 9090)
    found = {port for port in asked if passes(policies(FULL), SERVING_POD, "Ingress", peer, Port(port))}

    assert found == open_ports


def test_scoring_is_no_datagram() -> None:
    assert not passes(policies(FULL), SERVING_POD, "Ingress", NEIGHBOUR, Port(8000, "UDP"))


def test_without_allow_from_other_namespaces_reach_nothing() -> None:
    assert not any(
        passes(policies(MINIMAL), SERVING_POD, "Ingress", MONITORING, Port(port)) for port in (8000, 8001, 9090)
    )


def test_an_operator_outside_the_cluster_has_no_namespace_to_be_let_in() -> None:
    outside = replace(full(), programs=replace(PROGRAMS, namespace=None))

    assert not passes(of(outside), SERVING_POD, "Ingress", OPERATOR, Port(9090))


@pytest.mark.parametrize("peer", [NEIGHBOUR, OPERATOR, MONITORING, INTERNET])
def test_nobody_connects_to_training_pods(peer: Peer) -> None:
    for port in (8000, 8001, 9090):
        assert not passes(policies(FULL), TRAINING_POD, "Ingress", peer, Port(port))


@pytest.mark.parametrize("pod", [SERVING_POD, TRAINING_POD], ids=["serving", "training"])
def test_both_kinds_of_pods_resolve_names_and_reach_the_registry_and_not_its_neighbours(pod: Pod) -> None:
    rules = policies(FULL)

    def reaches(peer: Peer, port: Port) -> bool:
        return passes(rules, pod, "Egress", peer, port)

    assert reaches(Peer(namespace="kube-system"), Port(53, "UDP"))
    assert reaches(Peer("169.254.20.10"), Port(53, "TCP")), "a node's own cache answers from a link-local address"
    assert reaches(OPERATOR, Port(8000)), "the registry is in the operator's namespace"
    assert not reaches(OPERATOR, Port(9090))
    assert not reaches(STRANGER, Port(8000))
    assert not reaches(METADATA, Port(80))


@pytest.mark.parametrize("peer", [NEIGHBOUR, INTERNET, MONITORING, Peer("10.20.0.1"), Peer(namespace="storage")])
def test_serving_pods_connect_to_nobody_else(peer: Peer) -> None:
    for port in (80, 443, 5432, 9000):
        assert not passes(policies(FULL), SERVING_POD, "Egress", peer, Port(port))


def reads_keys(uri: str, *places: dict[str, Any]) -> list[Manifest]:
    """Both policies of a detector that takes tokens of an issuer with its keys there."""
    access = {"jwt": {"issuer": "i", "audience": "a", "jwksUri": uri}}
    return policies({**MINIMAL, "serving": {"access": access}, "network": {"allowTo": list(places)}})


@pytest.mark.parametrize(
    ("uri", "reached", "not_reached"),
    [
        ("https://login.example.com/keys", (INTERNET, 443), (INTERNET, 80)),
        ("https://login.example.com:8443/keys", (INTERNET, 8443), (METADATA, 8443)),
        ("https://login.example.com/keys", (Peer("10.20.1.2"), 443), (Peer("10.21.0.1"), 443)),
        ("https://[2606:2800:21f::1]/keys", (Peer("2606:2800:21f::1"), 443), (Peer("2606:2800:21f::2"), 443)),
        ("https://10.7.0.3/keys", (Peer("10.7.0.3"), 443), (Peer("10.20.1.2"), 443)),
        ("http://dex.login.svc:5556/keys", (Peer(namespace="login"), 5556), (STRANGER, 5556)),
        ("http://dex.login.svc.cluster.local/keys", (Peer(namespace="login"), 80), (INTERNET, 80)),
    ],
)
def test_serving_pods_reach_the_keys_of_an_issuer_and_nothing_beside_them(
    uri: str, reached: tuple[Peer, int], not_reached: tuple[Peer, int]
) -> None:
    rules = reads_keys(uri, {"cidr": "10.20.0.0/16", "port": 443}, {"cidr": "10.21.0.0/16", "port": 5432})

    assert passes(rules, SERVING_POD, "Egress", reached[0], Port(reached[1]))
    assert not passes(rules, SERVING_POD, "Egress", not_reached[0], Port(not_reached[1]))


@given(st.sampled_from(CLOSED).flatmap(lambda cidr: st.ip_addresses(network=cidr)))
def test_an_issuer_with_a_name_opens_no_private_address(address: Any) -> None:
    rules = reads_keys("https://login.example.com/keys")

    assert not passes(rules, SERVING_POD, "Egress", Peer(str(address)), Port(443))


def test_other_pods_of_the_namespace_are_not_closed() -> None:
    other = Pod(OWN, of_pods(Identity(OWN, "shuttle", "00000000-0000-4000-8000-000000000009"), SERVER))

    assert passes(policies(FULL), other, "Ingress", STRANGER, Port(8000))
    assert passes(policies(FULL), other, "Egress", STRANGER, Port(8000))


def test_a_mounted_source_opens_nothing() -> None:
    for uri in ("pvc://telemetry/rows.csv", "configmap://telemetry/rows.csv"):
        assert not trainer_reaches(trains_from(uri), INTERNET, SOURCE_PORT)


def test_a_source_that_no_pod_can_reach_opens_nothing() -> None:
    assert not trainer_reaches(trains_from("rows.csv"), INTERNET, SOURCE_PORT)


@pytest.mark.parametrize(
    ("uri", "open_port"),
    [
        ("https://example.com/rows.csv", 443),
        ("http://example.com/rows.csv", 80),
        ("https://example.com:8443/rows.csv", 8443),
    ],
)
def test_a_source_with_a_name_opens_its_port_to_public_addresses(uri: str, open_port: int) -> None:
    rules = trains_from(uri)

    for address in ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", *NEXT_TO_CLOSED):
        assert [port for port in (22, 80, 443, 8443) if trainer_reaches(rules, Peer(address), Port(port))] == [
            open_port
        ]


@given(st.sampled_from(CLOSED).flatmap(lambda cidr: st.ip_addresses(network=cidr)))
def test_a_source_with_a_name_opens_no_private_address(address: Any) -> None:
    assert not trainer_reaches(trains_from("https://example.com/rows.csv"), Peer(str(address)), SOURCE_PORT)


@pytest.mark.parametrize("cidr", CLOSED)
def test_the_closed_networks_are_closed_from_end_to_end(cidr: str) -> None:
    network = ip_network(cidr)

    for address in (network[0], network[-1]):
        assert not trainer_reaches(trains_from("https://example.com/rows.csv"), Peer(str(address)), SOURCE_PORT)


@pytest.mark.parametrize(
    ("uri", "address", "beside"),
    [
        ("https://93.184.215.14/rows.csv", "93.184.215.14", "93.184.215.15"),
        ("https://[2606:2800:21f::1]/rows.csv", "2606:2800:21f::1", "2606:2800:21f::2"),
        ("https://[::ffff:93.184.215.14]/rows.csv", "93.184.215.14", "93.184.215.15"),
    ],
    ids=["IPv4", "IPv6", "IPv4 in IPv6's spelling"],
)
def test_a_source_with_an_address_opens_this_one_alone(uri: str, address: str, beside: str) -> None:
    assert trainer_reaches(trains_from(uri), Peer(address), SOURCE_PORT)
    assert not trainer_reaches(trains_from(uri), Peer(address), Port(80))
    assert not trainer_reaches(trains_from(uri), Peer(beside), SOURCE_PORT)


@pytest.mark.parametrize("host", ["10.1.2.3", "169.254.169.254", "[fd00::1]", "[::ffff:10.1.2.3]"])
def test_a_source_with_a_private_address_is_open_only_where_allow_to_says_so(host: str) -> None:
    uri = f"http://{host}:8080/rows.csv"
    source = cluster_source(uri)
    address, port = host.strip("[]").removeprefix("::ffff:"), Port(8080)

    missing = needs_permission(source, Network())

    assert missing is not None
    assert not trainer_reaches(trains_from(uri), Peer(address), port)
    entry = missing.model_dump(by_alias=True, exclude_none=True)
    assert trainer_reaches(trains_from(uri, allowTo=[entry]), Peer(address), port)
    assert needs_permission(source, Network.model_validate({"allowTo": (entry,)}, strict=False)) is None


@pytest.mark.parametrize(
    "allowed",
    [AllowTo(cidr="10.0.0.0/8", port=80), AllowTo(cidr="10.9.0.0/16", port=8080)],
    ids=["another port", "another network"],
)
def test_an_entry_for_something_else_permits_no_private_address(allowed: AllowTo) -> None:
    source = cluster_source("http://10.1.2.3:8080/rows.csv")

    assert needs_permission(source, Network.model_validate({"allowTo": (allowed,)})) is not None


def test_where_a_namespace_is_allowed_an_address_may_be_that_of_its_service() -> None:
    network = Network.model_validate({"allowTo": (AllowTo(namespace="storage", port=9000),)})

    assert needs_permission(cluster_source("http://10.96.7.7/rows.csv"), network) is None


def test_allow_to_opens_what_it_says_and_no_more() -> None:
    rules = policies(FULL)

    assert trainer_reaches(rules, Peer("10.20.255.255"), Port(5432))
    assert not trainer_reaches(rules, Peer("10.21.0.0"), Port(5432))
    assert not trainer_reaches(rules, Peer("10.20.0.1"), Port(5433))
    assert trainer_reaches(rules, Peer(namespace="storage"), Port(9000))
    assert not trainer_reaches(rules, Peer(namespace="storage"), Port(9001))
    assert not trainer_reaches(rules, STRANGER, Port(9000))


@pytest.mark.parametrize(
    ("url", "reached", "not_reached"),
    [
        ("http://registry.models.svc.cluster.local:8000", (Peer(namespace="models"), 8000), (INTERNET, 8000)),
        ("https://10.7.0.3", (Peer("10.7.0.3"), 443), (Peer("10.7.0.4"), 443)),
        ("https://models.example.com", (INTERNET, 443), (INTERNET, 80)),
    ],
    ids=["Service", "address", "name"],
)
def test_the_registry_is_reached_wherever_it_is(
    url: str, reached: tuple[Peer, int], not_reached: tuple[Peer, int]
) -> None:
    rules = of(replace(full(), programs=replace(PROGRAMS, registry_url=url)))

    assert passes(rules, SERVING_POD, "Egress", reached[0], Port(reached[1]))
    assert not passes(rules, SERVING_POD, "Egress", not_reached[0], Port(not_reached[1]))
