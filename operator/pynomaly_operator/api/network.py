"""Which connections of a detector's pods are let through, beyond those that every detector needs."""

from ipaddress import IPv6Network, ip_address, ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from pynomaly_inference.spec import Part


def _canonical(cidr: str) -> str:
    address, _, prefix = cidr.partition("/")
    try:
        network = ip_network((address, int(prefix)), strict=False)
    except ValueError as error:
        raise ValueError("must be a network such as 10.20.0.0/16 or fd00:20::/64") from error
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f"{cidr} is an IPv4 network in IPv6's spelling: write it as IPv4")
    if ip_address(address) != network.network_address:
        raise ValueError(f"{cidr} is an address within a network: write {network}")
    return str(network)


Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Cidr = Annotated[str, Field(min_length=1, max_length=43), AfterValidator(_canonical)]
HostName = Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Origin = Annotated[
    str, Field(pattern=r"^(\*|https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,4})?)$", max_length=300)
]
Port = Annotated[int, Field(ge=1, le=65535)]


class AllowFrom(Part):
    """Whose pods may connect to the serving pods."""

    namespace: Namespace
    """The name of their namespace."""


class AllowTo(Part):
    """A place to which the training pods may connect: `cidr` outside the cluster, `namespace` inside."""

    cidr: Cidr | None = None
    """Addresses, such as 10.20.0.0/16 or 10.20.3.4/32."""
    namespace: Namespace | None = None
    """The name of the namespace of the pods to connect to."""
    port: Port
    """The TCP port, of the pods themselves where a Service is before them."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.cidr is None) == (self.namespace is None):
            raise ValueError("each entry needs either cidr or namespace: name one place")
        return self


class Network(Part):
    """Connections that NetworkPolicies let through, where the cluster's network enforces them."""

    allow_from: Annotated[tuple[AllowFrom, ...], Field(max_length=32)] = ()
    """Who may connect to the serving pods on ports 8000, 8001 and 9090. Default: pods of the detector's own namespace,
    on 8000 and 8001."""
    trusted_proxies: Annotated[tuple[Cidr, ...], Field(max_length=16)] = ()
    """The addresses of proxies in front of the serving pods, such as 10.20.0.0/16: their X-Forwarded-For tells where a
    caller without a key comes from. Default: none, the connection tells."""
    allow_hosts: Annotated[tuple[HostName, ...], Field(max_length=32)] = ()
    """The names by which the serving pods may be addressed, such as shuttle.plant-a.svc or *.example.com; any other
    is answered 421. Health is asked on another port. Default: any."""
    allow_origins: Annotated[tuple[Origin, ...], Field(max_length=32)] = ()
    """The origins of pages that may ask from a browser (CORS), such as https://app.example.com, or * for any.
    Default: none."""
    allow_to: Annotated[tuple[AllowTo, ...], Field(max_length=32)] = ()
    """Where the training pods may connect beside a public source: a source with a private address needs an entry. The
    serving pods may connect to the addresses of an entry with the port of access.jwt.jwksUri. Default: nowhere."""
