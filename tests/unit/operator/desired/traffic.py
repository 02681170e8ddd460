"""What NetworkPolicies let through, by the rules of the Kubernetes documentation.

A pod that no policy of a direction selects is open in that direction; otherwise what any rule of any such policy allows
is let through, and nothing else. A rule without peers means everybody, one without ports every port. See
https://kubernetes.io/docs/concepts/services-networking/network-policies/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from pynomaly_operator.manifest import Manifest

Labels = Mapping[str, str]
Direction = Literal["Ingress", "Egress"]
_RULES = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}


@dataclass(frozen=True)
class Peer:
    """The other end: an address outside the cluster, or a pod in a namespace."""

    address: str = "10.244.0.9"
    namespace: str | None = None
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """What is connected to."""

    number: int
    protocol: str = "TCP"


@dataclass(frozen=True)
class Pod:
    """The pod that is asked about."""

    namespace: str
    labels: Labels


def passes(policies: Sequence[Manifest], pod: Pod, direction: Direction, peer: Peer, port: Port) -> bool:
    """Whether the pod's own policies let the connection through."""
    chosen = [policy["spec"] for policy in policies if _selects(policy, pod, direction)]
    if not chosen:
        return True
    rules, peers = _RULES[direction]
    return any(
        _has_peer(rule.get(peers, ()), peer, pod.namespace) and _has_port(rule.get("ports", ()), port)
        for spec in chosen
        for rule in spec.get(rules, ())
    )


def _selects(policy: Manifest, pod: Pod, direction: Direction) -> bool:
    spec = policy["spec"]
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and direction in spec["policyTypes"] and _matches(spec["podSelector"], pod.labels)


def _matches(selector: Mapping[str, Any], labels: Labels) -> bool:
    assert set(selector) <= {"matchLabels"}, "no other selector is evaluated here"
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


def _has_peer(peers: Sequence[Mapping[str, Any]], peer: Peer, own: str) -> bool:
    return not peers or any(_is_peer(one, peer, own) for one in peers)


def _is_peer(one: Mapping[str, Any], peer: Peer, own: str) -> bool:
    if "ipBlock" in one:
        block, address = one["ipBlock"], ip_address(peer.address)
        excluded = any(address in ip_network(cidr) for cidr in block.get("except", ()))
        return address in ip_network(block["cidr"]) and not excluded
    if peer.namespace is None:
        return False
    if "namespaceSelector" in one:
        named = {"kubernetes.io/metadata.name": peer.namespace}
        return _matches(one["namespaceSelector"], named) and _matches(one.get("podSelector", {}), peer.labels)
    return peer.namespace == own and _matches(one["podSelector"], peer.labels)


def _has_port(ports: Sequence[Mapping[str, Any]], port: Port) -> bool:
    return not ports or any((one["protocol"], one["port"]) == (port.protocol, port.number) for one in ports)
