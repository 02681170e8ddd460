"""`pynomaly operator` and `pynomaly registry`: the programs that run in a cluster only."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pynomaly_inference.cli import options


def operator(
    namespace: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMESPACE", help="Look after the detectors of this namespace only; may be repeated."),
    ] = None,
) -> None:
    """Run the operator. Its settings are environment variables, as the chart sets them."""
    from pynomaly_operator.main import main

    main(namespace or ())


def registry(
    operator: Annotated[str, typer.Option(metavar="NAMESPACE:NAME", help="The operator's service account.")],
    database: Annotated[str | None, typer.Option(metavar="URL", help="sqlite:///PATH")] = None,
    database_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Holds the URL of any database: a password stays off the command line. "
            "Or set PYNOMALY_REGISTRY_DATABASE.",
        ),
    ] = None,
    host: options.Host = options.LOOPBACK,
    port: options.Port = options.PORT,
    spool: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where an upload is held until it is whole.")
    ] = None,
) -> None:
    """Run the registry of models. It asks the cluster who presents a token."""
    from pynomaly_inference.registry.database_url import database_url
    from pynomaly_inference.registry.main import run
    from pynomaly_inference.registry.settings import RegistrySettings

    options.log_to_stderr()
    url = database_url(database, database_file, os.environ)
    run(RegistrySettings(url, operator, host=host, port=port, spool=spool))
