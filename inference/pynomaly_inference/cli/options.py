"""Arguments and options that several commands share."""

import logging
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pynomaly_inference.cli.console import Format

if TYPE_CHECKING:
    from pynomaly_inference.datasets.places import Places
    from pynomaly_inference.server.settings import JwtSettings

LOOPBACK = "127.0.0.1"
PORT = 8000

Detector = Annotated[
    Path, typer.Argument(metavar="DETECTOR.yaml", help="The resource file, the same that a cluster takes.")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="Read this file or glob instead of the resource's source.")
]
Mounts = Annotated[
    list[str] | None,
    typer.Option(
        "--mount",
        metavar="pvc://CLAIM=FOLDER",
        help="Where a claim or config map of the resource lies on this machine. Repeatable.",
    ),
]
AllowTo = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-to",
        metavar="public|private|CIDR:PORT",
        help="Where the source may lead: the Internet's addresses, private ones, or 10.20.0.0/16:5432. Repeatable; "
        "without it, anywhere.",
    ),
]
Output = Annotated[Format, typer.Option("--format", help="How the result is printed on standard output.")]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="PATH",
        help="API keys: a file with one a line, or a folder with one a file. Reread on change.",
    ),
]
MaxRequests = Annotated[
    int | None,
    typer.Option("--requests-per-minute", min=1, help="Most requests of one caller in a minute. Default: no limit."),
]
TrustedProxies = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-proxy",
        metavar="CIDR",
        help="A proxy in front, or a network of them, whose X-Forwarded-For tells a caller's address. Repeatable.",
    ),
]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="Answer only as this host; *.example.com for all below one. Repeatable. Default: as any.",
    ),
]
AllowOrigins = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-origin",
        metavar="ORIGIN",
        help="Let pages of this origin, such as https://app.example.com, ask from browsers (CORS). Repeatable.",
    ),
]
JwtIssuer = Annotated[
    str | None, typer.Option(metavar="ISSUER", help="Take JSON Web Tokens whose claim iss is this, beside --keys.")
]
JwtAudience = Annotated[
    str | None, typer.Option(metavar="AUDIENCE", help="What the claim aud of these tokens must name.")
]
Jwks = Annotated[
    str | None,
    typer.Option(
        metavar="URL|FILE", help="The issuer's JSON Web Key Set: an http(s) URL, or a file. Reread by itself."
    ),
]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
GrpcPort = Annotated[
    int | None,
    typer.Option(
        "--grpc-port",
        min=0,
        max=65535,
        help="Answer the Open Inference Protocol over gRPC too, on this port; 0 takes a free one. Default: off.",
    ),
]


def jwt(issuer: str | None, audience: str | None, jwks: str | None) -> "JwtSettings | None":
    """Whose tokens are taken; a part of the three options alone is a usage error."""
    from pynomaly_inference.server.settings import JwtSettings

    if issuer is None and audience is None and jwks is None:
        return None
    if not (issuer and audience and jwks):
        raise typer.BadParameter("tokens need all of --jwt-issuer, --jwt-audience and --jwks", param_hint="--jwks")
    if "://" in jwks and not jwks.startswith(("https://", "http://")):
        raise typer.BadParameter(f"`{jwks}` is neither an http(s) URL nor a file", param_hint="--jwks")
    return JwtSettings(issuer, audience, jwks)


def proxies(networks: list[str] | None) -> "tuple[IPv4Network | IPv6Network, ...]":
    """The networks; anything else is a usage error."""
    try:
        return tuple(ip_network(network) for network in networks or ())
    except ValueError as error:
        raise typer.BadParameter(f"{error}: write 10.20.0.0/16 or 10.20.3.4", param_hint="--trusted-proxy") from error


def log_to_stderr() -> None:
    """What a cluster's log keeps: a line with its time for each thing that happens."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def places(detector: Path, data: Path | None, mount: list[str] | None, allow_to: list[str] | None = None) -> "Places":
    """Where the source of the resource file `detector` is looked for, with this process's environment."""
    mounts = parse_mounts(mount)

    from pynomaly_inference.datasets.addresses import parse_destinations
    from pynomaly_inference.datasets.places import Places

    return Places(detector.parent, data, mounts, os.environ, parse_destinations(allow_to or ()))


_MOUNT = re.compile(r"(?P<uri>(?:pvc|configmap)://[^/=]+)=(?P<folder>.+)")


def parse_mounts(mounts: list[str] | None) -> dict[str, Path]:
    """`["pvc://telemetry=./data"]` as `{"pvc://telemetry": Path("data")}`; anything else is a usage error."""
    parsed: dict[str, Path] = {}
    for mount in mounts or []:
        match = _MOUNT.fullmatch(mount)
        if match is None:
            raise typer.BadParameter(
                f"`{mount}` is no mount: write pvc://CLAIM=FOLDER or configmap://NAME=FOLDER", param_hint="--mount"
            )
        folder = Path(match["folder"])
        if not folder.is_dir():
            raise typer.BadParameter(f"`{folder}` is no folder", param_hint="--mount")
        parsed[match["uri"]] = folder
    return parsed
