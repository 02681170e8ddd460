"""Where a request comes from, through the proxies that are trusted to say so."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
_MOST_HOPS = 32


def client_address(peer: str, headers: Mapping[bytes, bytes], proxies: tuple[Network, ...]) -> str:
    """The last address of `X-Forwarded-For` that is no trusted proxy's, where a trusted proxy sent it; else the peer's.

    A client may write what it likes in front of what the proxies add, so the list is read from its end. Of IPv6 the
    network of 64 bits is told: a client has as many addresses in it as it likes.
    """
    if not proxies:
        return _told(peer)
    listed = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")[-_MOST_HOPS:]
    found = peer
    for hop in (peer, *(each.strip() for each in reversed(listed))):
        address = _parsed(hop)
        if address is None:
            break
        found = hop
        if not _within(address, proxies):
            break
    return _told(found)


@lru_cache(maxsize=1024)
def _told(text: str) -> str:
    address = _parsed(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return text if address is None else str(address)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
