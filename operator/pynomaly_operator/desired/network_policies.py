"""Who may connect to the pods, and to whom they may connect: everything else is closed.

The kubelet's probes need no rule: a node always reaches its own pods.
See https://kubernetes.io/docs/concepts/services-networking/network-policies/.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.network import AllowTo, Network
from pynomaly_operator.desired import names
from pynomaly_operator.desired.addresses import NOT_PUBLIC, alone, is_public, literal, within
from pynomaly_operator.desired.commands import GRPC_PORT, MANAGEMENT_PORT, SCORING_PORT
from pynomaly_operator.desired.labels import SERVER, TRAINER, child, selector
from pynomaly_operator.desired.sources import ClusterSource
from pynomaly_operator.desired.wanted import Programs, Wanted, WantedTraining
from pynomaly_operator.manifest import NETWORK_POLICY, Manifest

BOTH = ["Ingress", "Egress"]
SCORING = (SCORING_PORT, GRPC_PORT)
# To anybody: some clusters answer names from a node's link-local address, which no selector matches.
DNS: Manifest = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
_SERVICE = re.compile(r"[^.]+\.(?P<namespace>[^.]+)\.svc(\..+)?")


def serving_policy(wanted: Wanted) -> Manifest:
    """In: scoring from the own namespace, the operator's questions, and `allowFrom`.

    Out: names, the registry, and the keys of the issuer of tokens.
    """
    spec = {
        "podSelector": {"matchLabels": selector(wanted.detector, SERVER)},
        "policyTypes": BOTH,
        "ingress": _ingress(wanted),
        "egress": [DNS, _to_registry(wanted.programs), *_to_issuer(wanted)],
    }
    return child(NETWORK_POLICY, wanted.detector, names.serving_policy(wanted.detector), spec=spec)


def training_policy(wanted: Wanted) -> Manifest | None:
    """In: nobody. Out: names, the registry, the source and `allowTo`. None when nobody can tell what is trained."""
    if wanted.training is None:
        return None
    spec = {
        "podSelector": {"matchLabels": selector(wanted.detector, TRAINER)},
        "policyTypes": BOTH,
        "egress": [
            DNS,
            _to_registry(wanted.programs),
            *_to_source(wanted.training),
            *(_allowed(place) for place in wanted.network.allow_to),
        ],
    }
    return child(NETWORK_POLICY, wanted.detector, names.training_policy(wanted.detector), spec=spec)


def needs_permission(source: ClusterSource, network: Network) -> AllowTo | None:
    """The entry of `allowTo` that is missing for a source with a literal private address; None: none is."""
    address = None if source.mounted else literal(source.name)
    if address is None or is_public(address) or any(place.namespace for place in network.allow_to):
        return None  # the address may be that of a Service in one of these namespaces: nobody can tell here
    allowed = (place.cidr for place in network.allow_to if place.cidr is not None and place.port == source.port)
    return None if within(address, allowed) else AllowTo(cidr=alone(address), port=source.port)


def _ingress(wanted: Wanted) -> list[Manifest]:
    rules: list[Manifest] = [{"from": [{"podSelector": {}}], "ports": _tcp(SCORING)}]
    if wanted.programs.namespace is not None:
        rules.append({"from": [_namespace(wanted.programs.namespace)], "ports": _tcp([MANAGEMENT_PORT])})
    if wanted.network.allow_from:
        allowed = [_namespace(place.namespace) for place in wanted.network.allow_from]
        rules.append({"from": allowed, "ports": _tcp((*SCORING, MANAGEMENT_PORT))})
    return rules


def _to_registry(programs: Programs) -> Manifest:
    """The registry's namespace where its URL names one, its address where it is one, else its port anywhere."""
    host, port = _place(programs.registry_url)
    named = _named(host)
    return {"ports": _tcp([port])} if named is None else {"to": [named], "ports": _tcp([port])}


def _to_issuer(wanted: Wanted) -> list[Manifest]:
    """As to the registry; but the name of a host is that of public addresses, and of those that `allowTo` lists."""
    if wanted.serving.access.jwt is None:
        return []
    host, port = _place(wanted.serving.access.jwt.jwks_uri)
    named = _named(host)
    if named is not None:
        return [{"to": [named], "ports": _tcp([port])}]
    private = [place for place in wanted.network.allow_to if place.cidr is not None and place.port == port]
    return [{"to": _public(), "ports": _tcp([port])}, *(_allowed(place) for place in private)]


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _named(host: str) -> Manifest | None:
    """The namespace of a Service's name, or the address that the host is; None for another name."""
    service, address = _SERVICE.fullmatch(host), literal(host)
    if service is not None:
        return _namespace(service["namespace"])
    return None if address is None else _block(alone(address))


def _public() -> list[Manifest]:
    return [_block(everything, excluded) for everything, excluded in NOT_PUBLIC.items()]


def _to_source(training: WantedTraining) -> list[Manifest]:
    """A mounted source needs no connection of the pod; a private address is open by `allowTo` alone."""
    try:
        source = training.source
    except ResourceInvalid:
        return []  # nothing is trained from it, as the conditions tell
    if source.mounted:
        return []
    address, ports = literal(source.name), _tcp([source.port])
    if address is None:
        return [{"to": _public(), "ports": ports}]
    return [{"to": [_block(alone(address))], "ports": ports}] if is_public(address) else []


def _allowed(place: AllowTo) -> Manifest:
    to = _namespace(place.namespace) if place.namespace is not None else _block(place.cidr or "")
    return {"to": [to], "ports": _tcp([place.port])}


def _namespace(name: str) -> Manifest:
    """All pods of a namespace, by the label that the API server sets."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _block(cidr: str, excluded: Iterable[str] = ()) -> Manifest:
    return {"ipBlock": {"cidr": cidr, **({"except": list(excluded)} if excluded else {})}}


def _tcp(ports: Iterable[int]) -> list[Manifest]:
    return [{"protocol": "TCP", "port": port} for port in ports]
