"""The path from a resource to a proven model file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.convert import attach, graph_of
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.datasets.table import Table, read_training_table
from pynomaly_inference.errors import GateFailed
from pynomaly_inference.gates import failures
from pynomaly_inference.progress import Progress
from pynomaly_inference.scoring.model import Model
from pynomaly_inference.spec import AnomalyDetector, DetectorSpec
from pynomaly_inference.training.describe import describe
from pynomaly_inference.training.evaluate import evaluate
from pynomaly_inference.training.fit import fit_spec
from pynomaly_inference.training.prove import prove
from pynomaly_inference.training.split import Split, split


@dataclass(frozen=True, slots=True)
class Trained:
    """A proven model, and the bytes of its file."""

    content: bytes
    model: Model


def train_resource(resource: AnomalyDetector, places: Places, progress: Progress) -> Trained:
    """Reads, fits, converts, proves and evaluates what the resource asks for.

    The model evaluated is the model returned: nothing is fitted again. The same data, resource and library versions
    give the same bytes. Raises the errors of `errors.py`, from SourceUnreachable to GateFailed.
    """
    progress.begin("Reading")
    table = _read(resource.spec, places, progress)
    for warning in table.warnings:
        progress.warn(warning)
    trained = train_table(resource, table, progress)
    if failed := failures(resource.spec.training.gates, trained.model.metadata.evaluation):
        raise GateFailed("; ".join(failed))
    return trained


def train_table(resource: AnomalyDetector, table: Table, progress: Progress) -> Trained:
    """`train_resource` from the table on, without judging the gates."""
    spec = resource.spec
    training = spec.training
    parts = split(len(table.rows), training.held_out_share, training.seed, label=table.label, timestamp=table.timestamp)
    progress.begin("Fitting")
    label = None if table.label is None else table.label[parts.train]
    fitted = fit_spec(spec, table.features, table.rows[parts.train], label)
    for warning in fitted.warnings:
        progress.warn(warning)
    progress.begin("Converting")
    graph = graph_of(fitted.detector, fitted.preprocessing)
    progress.begin("Proving")
    proof = prove(graph, fitted, table.rows[parts.held_out], training.seed)
    progress.begin("Evaluating")
    metadata = describe(resource, table, fitted, proof, graph)
    unjudged = Model.parse(attach(graph, metadata))
    metadata = metadata.model_copy(update={"evaluation": _evaluate(unjudged, table, parts)})
    if table.label is not None and metadata.evaluation.roc_auc is None:
        progress.warn(
            "the evaluated rows hold one class only: ROC AUC, average precision and precision@n are not defined"
        )
    content = attach(graph, metadata)
    model = Model.parse(content)
    model.check_golden()
    return Trained(content, model)


def _read(spec: DetectorSpec, places: Places, progress: Progress) -> Table:
    source = spec.training.source
    features = None if spec.features is None else tuple((feature.name, feature.type) for feature in spec.features)
    columns = Columns(features, source.label, source.timestamp)
    with located(source.uri, places, source.query) as files:
        return read_training_table(
            files,
            columns,
            missing_allowed=spec.preprocessing.impute is not None,
            progress=lambda rows, share: progress.advance(share, f"{rows:,} rows"),
        )


def _evaluate(model: Model, table: Table, parts: Split) -> Evaluation:
    held_out = len(parts.held_out) > 0
    chosen: NDArray[np.intp] = parts.held_out if held_out else parts.train
    label = None if table.label is None else table.label[chosen]
    return evaluate(model.score(table.rows[chosen]), label, held_out=held_out)
