"""`pynomaly inspect`, `detectors` and `schema`: what a file, this version and a resource hold."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pynomaly_inference.algorithms import capabilities
from pynomaly_inference.cli import options
from pynomaly_inference.cli.console import Format

CONTRACT = {"name", "semantics", "explains", "extra", "reason"}


def inspect(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="A model file of `pynomaly train`.")],
    form: options.Output = Format.TEXT,
) -> None:
    """Print what a model file says of itself, and whether it scores on this machine as it did at training."""
    from pynomaly_inference.cli.summary import print_card
    from pynomaly_inference.scoring.model import Model

    loaded = Model.load(model)
    loaded.check_golden()
    if form is Format.JSON:
        typer.echo(json.dumps({"digest": loaded.digest, **json.loads(loaded.metadata.to_json())}))
        return
    print_card(loaded)


def detectors(form: options.Output = Format.TEXT) -> None:
    """List the detectors: what their scores mean, whether they explain, the extra they need; why others are refused."""
    known = [capability.model_dump(include=CONTRACT) for capability in capabilities().values()]
    if form is Format.JSON:
        typer.echo(json.dumps(known))
        return
    from rich.console import Console
    from rich.table import Table

    served = Table("Detector", "Semantics", "Explains", "Extra")
    refused = Table("Refused", "Reason")
    for capability in known:
        if capability["reason"] is not None:
            refused.add_row(capability["name"], capability["reason"])
            continue
        explains = "yes" if capability["explains"] else "no"
        served.add_row(capability["name"], capability["semantics"], explains, capability["extra"] or "")
    Console().print(served)
    typer.echo(
        "exact: scores as PyOD does. row: each row scores as PyOD scores it alone. frozen: what PyOD takes from the "
        "batch or draws is fixed at training. as its bases: the weakest of what its bases' scores mean."
    )
    typer.echo("An extra is installed by: pip install 'pynomaly-operator[EXTRA]'")
    Console().print(refused)


def crd() -> None:
    """Print the CustomResourceDefinition of the resource, for `kubectl apply`."""
    from pynomaly_operator.api.crd import generated

    typer.echo(generated(), nl=False)


def schema() -> None:
    """Print the JSON Schema of the resource, for editors."""
    from pynomaly_operator.api.v1alpha1 import AnomalyDetector

    content = AnomalyDetector.model_json_schema(by_alias=True)
    typer.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **content}, indent=2))
