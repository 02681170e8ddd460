"""Which addresses are public, held against Python's own copy of IANA's registries."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_inference.datasets.addresses import Destinations, is_public, literal, parse_destinations, reached
from pynomaly_inference.errors import ResourceInvalid

V4, V6 = st.ip_addresses(v=4), st.ip_addresses(v=6)
CARRIERS = {"::ffff:0:0": 0, "64:ff9b::": 0, "2002::": 80}


def carried(address: IPv4Address, prefix: str) -> IPv6Address:
    """The IPv6 address that carries it."""
    return IPv6Address(int(IPv6Address(prefix)) | int(address) << CARRIERS[prefix])


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.31.0.1", "192.168.1.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "::", "::1", "fe80::1", "fd00:ec2::254",  # noqa: S104 - nothing is bound
        "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1", "2001:db8::1",
        "168.63.129.16", "::7f00:1", "64:ff9b:1::1", "fec0::1",
    ],
)  # fmt: skip
def test_what_is_not_the_internets_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_the_internets_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@given(V4 | V6)
def test_nothing_is_public_that_iana_does_not_route(address: IPv4Address | IPv6Address) -> None:
    assert address.is_global or not is_public(address) or reached(address) != address
    assert not (is_public(address) and (address.is_multicast or address.is_loopback or address.is_link_local))


@given(V4, st.sampled_from(sorted(CARRIERS)))
def test_an_ipv4_address_is_judged_the_same_in_every_ipv6_spelling(address: IPv4Address, prefix: str) -> None:
    assert reached(carried(address, prefix)) == address
    assert is_public(carried(address, prefix)) == is_public(address)


def test_only_what_is_listed_is_allowed() -> None:
    allowed = parse_destinations(["public", "10.20.0.0/16:5432", "fd00::/8:443"])
    assert allowed is not None
    assert allowed.allow(ip_address("8.8.8.8"), 1)
    assert allowed.allow(ip_address("10.20.3.4"), 5432)
    assert allowed.allow(ip_address("::ffff:10.20.3.4"), 5432)
    assert allowed.allow(ip_address("fd12::1"), 443)
    assert not allowed.allow(ip_address("10.20.3.4"), 80)
    assert not allowed.allow(ip_address("10.21.3.4"), 5432)


def test_private_allows_what_clusters_use_and_no_metadata_service() -> None:
    allowed = Destinations(private=True)
    assert allowed.allow(ip_address("10.96.0.7"), 80)
    assert allowed.allow(ip_address("fd00::7"), 80)
    for text in ("169.254.169.254", "127.0.0.1", "8.8.8.8", "fe80::1", "0.0.0.0"):  # noqa: S104 - nothing is bound
        assert not allowed.allow(ip_address(text), 80)


def test_without_a_word_nothing_is_forbidden() -> None:
    assert parse_destinations([]) is None


@pytest.mark.parametrize("word", ["everything", "10.0.0.0/8", "10.0.0.1/8:80", "10.0.0.0/8:http", "example.org:80", ""])
def test_a_word_that_names_no_place_is_refused(word: str) -> None:
    with pytest.raises(ResourceInvalid, match="is no place to connect to"):
        parse_destinations([word])


@pytest.mark.parametrize("host", ["example.org", "2130706433", "0177.0.0.1", "127.1", "", None, b"x"])
def test_only_a_whole_address_is_a_literal(host: object) -> None:
    assert literal(host) is None
