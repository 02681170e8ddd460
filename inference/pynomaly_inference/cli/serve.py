"""`pynomaly serve` and `pynomaly run`: models behind HTTP."""

import json
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pynomaly_inference.atomic import replacing
from pynomaly_inference.bundle import QUANTILE_LEVELS, Metadata
from pynomaly_inference.cli import options
from pynomaly_inference.cli.train import read_detector, train_detector
from pynomaly_inference.server.settings import JwtSettings, ServerSettings

if TYPE_CHECKING:
    from pynomaly_inference.server.serve import Addresses
    from pynomaly_inference.server.table import ModelTable

MEDIAN = QUANTILE_LEVELS.index(0.5)

Anonymous = Annotated[
    bool, typer.Option("--anonymous", help="Without keys, serve beyond loopback too: whoever reaches it may score.")
]


MaxRows = Annotated[int | None, typer.Option(min=1, help="Most rows of one request. Default: no limit.")]
MaxBody = Annotated[
    int | None,
    typer.Option(
        "--max-body-mib", min=1, help="Largest body of one request, CSV and Parquet twice. Default: no limit."
    ),
]


def serve(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL.onnx...", help="Model files of `pynomaly train`.")],
    host: options.Host = options.LOOPBACK,
    port: options.Port = options.PORT,
    grpc_port: options.GrpcPort = None,
    keys: options.Keys = None,
    jwt_issuer: options.JwtIssuer = None,
    jwt_audience: options.JwtAudience = None,
    jwks: options.Jwks = None,
    anonymous: Anonymous = False,
    max_rows: MaxRows = None,
    max_body_mib: MaxBody = None,
    requests_per_minute: options.MaxRequests = None,
    trusted_proxy: options.TrustedProxies = None,
    allow_host: options.AllowHosts = None,
    allow_origin: options.AllowOrigins = None,
) -> None:
    """Serve model files over HTTP.

    A server is ready only when each model's golden rows score here as they did at training. Without --keys it listens
    on loopback only. SIGTERM ends it when it has answered what it has.
    """
    from pynomaly_inference.server.table import ModelTable

    settings = ServerSettings(
        host,
        port,
        keys,
        anonymous,
        rows=max_rows,
        body_mib=max_body_mib,
        grpc_port=grpc_port,
        jwt=options.jwt(jwt_issuer, jwt_audience, jwks),
        requests_per_minute=requests_per_minute,
        trusted_proxies=options.proxies(trusted_proxy),
        allow_hosts=tuple(allow_host or ()),
        allow_origins=tuple(allow_origin or ()),
    )
    _serve(ModelTable.load(models), settings)


def follow(
    serving: Annotated[Path, typer.Argument(metavar="SERVING.json", help="The file that names the model to serve.")],
    token_file: Annotated[Path, typer.Option(help="A service account's token for the registry.")],
    management_port: Annotated[int, typer.Option(min=0, max=65535, help="Where probes and metrics are answered.")],
    host: options.Host = options.LOOPBACK,
    port: options.Port = options.PORT,
    grpc_port: options.GrpcPort = None,
    keys: options.Keys = None,
    jwt_issuer: options.JwtIssuer = None,
    jwt_audience: options.JwtAudience = None,
    jwks: options.Jwks = None,
    anonymous: Anonymous = False,
    max_rows: MaxRows = None,
    max_body_mib: MaxBody = None,
    requests_per_minute: options.MaxRequests = None,
    trusted_proxy: options.TrustedProxies = None,
    allow_host: options.AllowHosts = None,
    allow_origin: options.AllowOrigins = None,
) -> None:
    """Serve the model that a file names, and follow the file: what a detector's pods run.

    The model comes from the registry. Another one is fetched, proven and switched to between two requests; while that
    fails the old one goes on serving, and /status on the management port says why.
    """
    from pynomaly_inference.server.cluster import ClusterSettings, serve_in_cluster

    options.log_to_stderr()
    settings = ServerSettings(
        host,
        port,
        keys,
        anonymous,
        rows=max_rows,
        body_mib=max_body_mib,
        grpc_port=grpc_port,
        jwt=options.jwt(jwt_issuer, jwt_audience, jwks),
        requests_per_minute=requests_per_minute,
        trusted_proxies=options.proxies(trusted_proxy),
        allow_hosts=tuple(allow_host or ()),
        allow_origins=tuple(allow_origin or ()),
    )
    serve_in_cluster(ClusterSettings(serving, token_file, management_port), settings)


def run(
    detector: options.Detector,
    data: options.Data = None,
    mount: options.Mounts = None,
    host: options.Host = options.LOOPBACK,
    port: options.Port = options.PORT,
    grpc_port: options.GrpcPort = None,
    keys: options.Keys = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="MODEL.onnx", help="Keep the model in this file too.")
    ] = None,
) -> None:
    """Train a detector and serve it: all that a cluster does with the resource, in one process.

    Access and limits are the resource's. Without --keys the server listens on loopback only, unless the resource says
    `access: {jwt: ...}` or `access: {anonymous: true}`.
    """
    from pynomaly_inference.cli.summary import print_card
    from pynomaly_inference.server.serve import check_settings
    from pynomaly_inference.server.table import ModelTable, served

    resource = read_detector(detector)
    serving = resource.spec.serving
    limits, access = serving.limits, serving.access
    settings = ServerSettings(
        host,
        port,
        keys,
        access.anonymous,
        rows=limits.rows,
        body_mib=limits.body_mib,
        grpc_port=grpc_port,
        jwt=None if access.jwt is None else JwtSettings(access.jwt.issuer, access.jwt.audience, access.jwt.jwks_uri),
        requests_per_minute=limits.requests_per_minute,
    )
    check_settings(settings)
    with nullcontext() if output is None else replacing(output) as kept:
        trained = train_detector(resource, options.places(detector, data, mount))
        if kept is not None:
            kept.write_bytes(trained.content)
    print_card(trained.model)
    _serve(ModelTable([served(trained.model)]), settings)


def _serve(models: "ModelTable", settings: ServerSettings) -> None:
    from pynomaly_inference.server.serve import serve as serve_models

    described = [served.model.metadata for served in models]

    def announce(addresses: "Addresses") -> None:
        names = ", ".join(metadata.name for metadata in described)
        where = addresses.url if addresses.grpc is None else f"{addresses.url}, gRPC on {addresses.grpc}"
        command = _command(addresses.url, described[0], settings)
        typer.echo(f"Serving {names} on {where} (Ctrl-C ends it). Try:\n\n  {command}\n")

    serve_models(models, settings, announce)


def _command(url: str, metadata: Metadata, settings: ServerSettings) -> str:
    """A command that scores a typical row, ready to be pasted into a shell."""
    words = ["curl", "-s", f"{url}/v1/score?model={metadata.name}", "-H", "Content-Type: application/json"]
    words += ["-d", _typical_rows(metadata)]
    if settings.keys is None and settings.jwt is not None:
        words += ["-H", "Authorization: Bearer YOUR-TOKEN"]
    elif settings.keys is not None:
        words += ["-H", "X-API-Key: YOUR-KEY"]
    return shlex.join(words)


def _typical_rows(metadata: Metadata) -> str:
    """One row as a request body: each Number at its training median, each Category at its first level."""
    row = [
        feature.quantiles[MEDIAN] if feature.quantiles is not None else (feature.levels or ("",))[0]
        for feature in metadata.features
    ]
    return json.dumps({"rows": [row]}, separators=(",", ":"))
