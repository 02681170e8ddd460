"""Addresses on the network, and which of them anybody may be sent to."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pynomaly_inference.errors import ResourceInvalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PUBLIC_WORD, PRIVATE_WORD = "public", "private"


def _networks(*cidrs: str) -> tuple[Network, ...]:
    return tuple(ip_network(cidr) for cidr in cidrs)


PRIVATE = _networks("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where clusters have their pods and Services: RFC 1918, RFC 6598 and RFC 4193."""

_SPECIAL_V4 = _networks(
    "0.0.0.0/8",  # this host (RFC 1122): a connection to 0.0.0.0 ends at the loopback
    "127.0.0.0/8",
    "168.63.129.16/32",  # Azure's WireServer, a metadata service among the public addresses
    "169.254.0.0/16",  # link-local, where clouds keep their metadata services
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",
)
_UNICAST_V6 = ip_network("2000::/3")
_SPECIAL_V6 = _networks("2001::/23", "2001:db8::/32", "3fff::/20")
_NAT64 = ip_network("64:ff9b::/96")


def reached(address: Address) -> Address:
    """The address at which a connection ends: that of IPv4 where IPv6 only carries it (mapped, NAT64, 6to4)."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def is_public(address: Address) -> bool:
    """Whether the address is one of the Internet's, as IANA's registries have it."""
    address = reached(address)
    if isinstance(address, IPv4Address):
        return not _within(address, (*PRIVATE, *_SPECIAL_V4))
    return address in _UNICAST_V6 and not _within(address, _SPECIAL_V6)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where connections may go.

    public: to every public address. private: to every one of `PRIVATE`, as a namespace's Services have them, whose
    addresses nobody knows beforehand. places: to these networks, each at one port.
    """

    public: bool = False
    private: bool = False
    places: tuple[tuple[Network, int], ...] = ()

    def allow(self, address: Address, port: int) -> bool:
        """Whether a connection to this address and port is allowed."""
        address = reached(address)
        if (self.public and is_public(address)) or (self.private and _within(address, PRIVATE)):
            return True
        return any(port == open_port and address in network for network, open_port in self.places)


def parse_destinations(words: Iterable[str]) -> Destinations | None:
    """`public`, `private` and CIDR:PORT, such as 10.20.0.0/16:5432; None where there is no word: nothing is forbidden.

    Raises ResourceInvalid for anything else.
    """
    given = tuple(words)
    if not given:
        return None
    places = tuple(_place(word) for word in given if word not in (PUBLIC_WORD, PRIVATE_WORD))
    return Destinations(PUBLIC_WORD in given, PRIVATE_WORD in given, places)


def _place(word: str) -> tuple[Network, int]:
    cidr, _, port = word.rpartition(":")
    try:
        return ip_network(cidr), int(port)
    except ValueError as error:
        raise ResourceInvalid(
            f"`{word}` is no place to connect to: write public, private or CIDR:PORT, such as 10.20.0.0/16:5432"
        ) from error


def literal(host: object) -> Address | None:
    """The address that a text writes, without its zone; None for everything else."""
    try:
        return ip_address(str(host).partition("%")[0])
    except ValueError:
        return None
