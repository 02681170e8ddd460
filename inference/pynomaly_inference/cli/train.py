"""`pynomaly train`: resource file in, proven model file out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pynomaly_inference.atomic import replacing
from pynomaly_inference.cli import options
from pynomaly_inference.cli.console import Format, shown_progress
from pynomaly_inference.resource import read_resource
from pynomaly_operator.api.v1alpha1 import AnomalyDetector, cluster_only_fields

if TYPE_CHECKING:
    from pynomaly_inference.datasets.places import Places
    from pynomaly_inference.training.train import Trained


def train(
    detector: options.Detector,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL.onnx", help="The model file to write.")],
    data: options.Data = None,
    mount: options.Mounts = None,
    allow_to: options.AllowTo = None,
    form: options.Output = Format.TEXT,
) -> None:
    """Train a detector, convert it, prove it, and write the model file.

    Nothing is written unless every step and every gate passes. Exit codes: 10 resource, 11 source unreachable, 12 data,
    13 fit, 14 no ONNX graph, 15 parity, 16 gate, 19 address not allowed. Sources on the network are opened with the
    variables that `pynomaly schema` lists under `credentials`.
    """
    from pynomaly_inference.cli.summary import print_trained

    with replacing(output) as temporary:
        trained = train_detector(read_detector(detector), options.places(detector, data, mount, allow_to))
        temporary.write_bytes(trained.content)
    print_trained(trained.model, output, form)


def read_detector(detector: Path) -> AnomalyDetector:
    """The whole resource; says which of its fields have no meaning here."""
    resource = read_resource(detector, AnomalyDetector)
    if unused := cluster_only_fields(resource):
        print(f"Not used outside a cluster: {', '.join(unused)}", file=sys.stderr)
    return resource


def train_detector(resource: AnomalyDetector, places: "Places") -> "Trained":
    """Trains the resource, showing progress; raises the errors of `errors.py`."""
    from pynomaly_inference.training.train import train_resource

    with shown_progress() as progress:
        return train_resource(resource, places, progress)
