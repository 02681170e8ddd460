import re
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.resources import MINIMAL

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api.parse import parse_spec
from pynomaly_operator.api.rules import CIDR_PATTERN

networks4 = st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda pair: IPv4Network(pair, strict=False))
networks6 = st.tuples(st.ip_addresses(v=6), st.integers(0, 128)).map(lambda pair: IPv6Network(pair, strict=False))


def _allowed(cidr: str) -> str | None:
    entry = {"cidr": cidr, "port": 5432}
    (found,) = parse_spec({**MINIMAL, "network": {"allowTo": [entry]}}).network.allow_to
    return found.cidr


@given(networks4 | networks6.filter(lambda network: network.network_address.ipv4_mapped is None))
def test_every_network_passes_the_definitions_rule_and_is_read_as_it_is_written(
    network: IPv4Network | IPv6Network,
) -> None:
    assert re.search(CIDR_PATTERN, str(network))
    assert re.search(CIDR_PATTERN, network.exploded)
    assert _allowed(network.exploded) == str(network)


@given(st.from_regex(CIDR_PATTERN, fullmatch=True, alphabet="0123456789./"))
def test_what_looks_like_an_ipv4_network_is_one(cidr: str) -> None:
    assert ip_network(cidr.rstrip("\n"), strict=False).version == 4


@pytest.mark.parametrize(
    ("cidr", "way_out"),
    [
        ("10.1.2.3/8", "write 10.0.0.0/8"),
        ("fd00::1/64", "write fd00::/64"),
        ("::ffff:a00:0/104", "write it as IPv4"),
        *((cidr, "must be a network such as 10.20.0.0/16") for cidr in ("1:2/64", "1::2::3/64", "10.0.0.0", "a/8")),
        *((cidr, "must be a network such as") for cidr in ("10.0.0.0/255.0.0.0", "10.0.0.0/33", "10.0.0.0/")),
    ],
)
def test_what_is_no_network_is_refused_with_a_way_out(cidr: str, way_out: str) -> None:
    with pytest.raises(ResourceInvalid, match=r"spec\.network\.allowTo\.0\.cidr: .*" + re.escape(way_out)):
        _allowed(cidr)


def test_an_entry_without_a_place_or_with_two_is_refused() -> None:
    for place in ({}, {"cidr": "10.0.0.0/8", "namespace": "storage"}):
        with pytest.raises(ResourceInvalid, match=r"spec\.network\.allowTo\.0: .*either cidr or namespace"):
            parse_spec({**MINIMAL, "network": {"allowTo": [{**place, "port": 1}]}})
