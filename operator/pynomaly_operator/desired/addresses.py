"""Addresses on the network: which are public, and which network is meant by a host's name."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

NOT_PUBLIC = {
    "0.0.0.0/0": (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ),
    "::/0": ("fc00::/7", "fe80::/10"),
}
"""By the network of all addresses: private (RFC 1918), carrier-grade NAT (RFC 6598), link-local, where clouds keep
their metadata services, Azure's WireServer, which is one too, and unique local (RFC 4193)."""


def literal(host: str) -> Address | None:
    """The address that the host is, without its zone; None for a name. IPv4 in IPv6's spelling is reached by IPv4."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether the address is none of `NOT_PUBLIC`."""
    return not within(address, (cidr for excluded in NOT_PUBLIC.values() for cidr in excluded))


def within(address: Address, cidrs: Iterable[str]) -> bool:
    """Whether one of the networks has the address."""
    return any(address in ip_network(cidr) for cidr in cidrs)


def alone(address: Address) -> str:
    """The network of this one address."""
    return f"{address}/{address.max_prefixlen}"
