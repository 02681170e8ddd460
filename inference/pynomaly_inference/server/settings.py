"""What the server is told when it starts."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

from pynomaly_inference.errors import ResourceInvalid

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JwtSettings:
    """Whose tokens are taken. jwks: the URL, or the path of a file, of the issuer's JSON Web Key Set."""

    issuer: str
    audience: str
    jwks: str


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to serve. `None` for a limit means no limit.

    grpc_port: where the gRPC service is answered, on the same host; None: nowhere.
    keys: a file with one key a line, or a directory whose files hold one key each. jwt: whose tokens open too.
    anonymous: serve anyone, also beyond loopback, when there are neither keys nor an issuer of tokens. rows: the most
    rows of one request. body_mib: the largest request body, in MiB. drain_seconds: how long the server answers on after
    SIGTERM while it says that it is not ready. requests_per_minute: of each caller. trusted_proxies: whose
    `X-Forwarded-For` tells the address of who needs no key. allow_hosts, allow_origins: see
    `Exposure`.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path | None = None
    anonymous: bool = False
    rows: int | None = None
    body_mib: float | None = None
    drain_seconds: float = 1.0
    grpc_port: int | None = None
    jwt: JwtSettings | None = None
    requests_per_minute: int | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()

    @property
    def body_bytes(self) -> int | None:
        """`body_mib` in bytes."""
        return None if self.body_mib is None else int(self.body_mib * MEBIBYTE)


def check_binding(settings: ServerSettings) -> None:
    """Raises ResourceInvalid when the server would answer strangers: no keys, not anonymous, not loopback."""
    if settings.keys is not None or settings.jwt is not None or settings.anonymous or _is_loopback(settings.host):
        return
    raise ResourceInvalid(
        f"without keys the server listens on loopback only, not on {settings.host}: give it keys (--keys FILE), "
        "or let anyone score (--anonymous)"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
