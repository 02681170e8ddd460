"""`pynomaly publish`: what a training Job runs in a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from pynomaly_inference.cli import options
from pynomaly_inference.cli.console import shown_progress
from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.resource import read_resource
from pynomaly_inference.spec import AnomalyDetector


def publish(
    detector: options.Detector,
    registry: Annotated[str, typer.Option(metavar="URL", help="The registry to publish to.")],
    namespace: Annotated[str, typer.Option(help="The detector's namespace.")],
    uid: Annotated[str, typer.Option(help="The detector's UID.")],
    fingerprint: Annotated[str, typer.Option(help="What is trained: the registry keeps one version of it.")],
    token_file: Annotated[Path, typer.Option(help="A service account's token for the registry.")],
    termination_file: Annotated[Path, typer.Option(help="Where to say how it ended.")],
    mount: options.Mounts = None,
    allow_to: options.AllowTo = None,
) -> None:
    """Train a detector and publish it, unless the registry has it already: what a training Job runs.

    Gates are not judged here. Exit codes are those of `train`, and 17 when the registry cannot be reached.
    """
    from pynomaly_inference.registry.contract import TrainingKey
    from pynomaly_inference.training.job import TerminationMessage, run_job
    from pynomaly_inference.training.publish import Registry

    try:
        resource = read_resource(detector, AnomalyDetector)
        places = options.places(detector, None, mount, allow_to)
        key = TrainingKey(namespace=namespace, uid=uid, fingerprint=fingerprint)
        with shown_progress() as progress:
            recorded = run_job(resource, places, key, Registry(registry, token_file), progress)
    except PynomalyError as error:
        termination_file.write_bytes(TerminationMessage.failed(fingerprint, error).to_bytes())
        raise
    except Exception as error:  # raised on: the pod's status must not be silent about a bug
        told = PynomalyError(f"the trainer failed unexpectedly, its log says more: {error!r}")
        termination_file.write_bytes(TerminationMessage.failed(fingerprint, told).to_bytes())
        raise
    termination_file.write_bytes(TerminationMessage.succeeded(recorded).to_bytes())
    typer.echo(f"version {recorded.version}, sha256:{recorded.digest}")
