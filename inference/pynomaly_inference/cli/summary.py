"""Tables for people: what was trained, and what a model file holds."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pynomaly_inference.bundle import Evaluation, Metadata, Parity
from pynomaly_inference.cli.console import Format
from pynomaly_inference.scoring.model import Model

MEANING = {
    "exact": "exact: scores as PyOD does",
    "row": "row: each row scores as PyOD scores it alone",
    "frozen": "frozen: a statistic of the batch is fixed at training",
}


def print_card(model: Model) -> None:
    """The model's card on standard output."""
    _print(model.metadata, model.digest, {"Golden rows": "agree on this machine"})


def print_trained(model: Model, path: Path, form: Format) -> None:
    """What `pynomaly train` did, on standard output."""
    metadata, digest = model.metadata, model.digest
    if form is Format.JSON:
        metrics = json.loads(metadata.evaluation.model_dump_json(by_alias=True))
        outcome = {"outcome": "Succeeded", "model": str(path), "digest": digest, "metrics": metrics}
        print(json.dumps(outcome))
        return
    _print(metadata, digest, {"Model file": str(path)})


def _print(metadata: Metadata, digest: str, last: dict[str, str]) -> None:
    table = Table(show_header=False, title=metadata.name, title_justify="left")
    parameters = ", ".join(f"{name}={value!r}" for name, value in metadata.algorithm.parameters.items())
    names = [f"{feature.name} ({feature.type})" for feature in metadata.features]
    facts = {
        "Algorithm": f"{metadata.algorithm.name}({parameters})",
        "Semantics": MEANING[metadata.semantics],
        "Features": _shortened(names),
        "Training rows": f"{metadata.training_rows:,}",
        "Threshold": f"{metadata.threshold:.6g} (contamination {metadata.contamination:g})",
        **_evaluation(metadata.evaluation),
        "Parity": _parity(metadata.parity),
        "Explains": "contributions per feature" if metadata.explains else "no",
        "Carries rows": "training rows are inside this file" if metadata.keeps_training_rows else "no training rows",
        "Digest": f"sha256:{digest}",
        **last,
    }
    for name, value in facts.items():
        table.add_row(name, value)
    Console().print(table)


def _evaluation(evaluation: Evaluation) -> dict[str, str]:
    where = "held-out" if evaluation.held_out else "training"
    facts = {"Evaluated on": f"{evaluation.rows:,} {where} rows, {evaluation.anomaly_rate:.2%} called anomalous"}
    metrics = {
        "ROC AUC": evaluation.roc_auc,
        "Average precision": evaluation.average_precision,
        "Precision@n": evaluation.precision_at_n,
    }
    return facts | {name: f"{value:.4f}" for name, value in metrics.items() if value is not None}


def _parity(parity: Parity) -> str:
    rows = sum(case.rows for case in parity.cases.values())
    worst = max(case.worst for case in parity.cases.values())
    return f"{rows:,} rows against {parity.reference}: worst {worst:.1%} of the {parity.tolerance:g} allowed"


def _shortened(names: list[str], most: int = 12) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return ", ".join(names[:most]) + f" and {len(names) - most} more"
