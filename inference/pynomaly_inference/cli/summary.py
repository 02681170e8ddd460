"""What was trained and what a model file holds: a table on a terminal, plain lines elsewhere."""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pynomaly_inference.bundle import Evaluation, Parity
from pynomaly_inference.cli.console import Format
from pynomaly_inference.scoring.model import Model

MEANING = {
    "exact": "exact: scores as PyOD does",
    "row": "row: each row scores as PyOD scores it alone",
    "frozen": "frozen: a statistic of the batch is fixed at training",
}


def print_card(model: Model) -> None:
    """The card of a model whose golden rows agree, on standard output."""
    _print(model, {"Golden rows": "agree on this machine"})


def print_trained(model: Model, path: Path, form: Format) -> None:
    """What `pynomaly train` did, on standard output."""
    if form is Format.JSON:
        metrics = model.metadata.evaluation.model_dump(mode="json", by_alias=True)
        print(json.dumps({"outcome": "Succeeded", "model": str(path), "digest": model.digest, "metrics": metrics}))
        return
    _print(model, {"Model file": str(path)})


def _print(model: Model, last: dict[str, str]) -> None:
    facts = _facts(model) | last
    console = Console()
    if not console.is_terminal:
        print("\n".join(f"{name}: {value}" for name, value in facts.items()))
        return
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, escape(value))
    console.print(table)


def _facts(model: Model) -> dict[str, str]:
    metadata = model.metadata
    parameters = ", ".join(f"{name}={value!r}" for name, value in metadata.algorithm.parameters.items())
    names = [f"{feature.name} ({feature.type})" for feature in metadata.features]
    return {
        "Model": metadata.name,
        "Algorithm": f"{metadata.algorithm.name}({parameters})",
        "Semantics": MEANING[metadata.semantics],
        "Features": _shortened(names),
        "Training rows": f"{metadata.training_rows:,}",
        "Threshold": f"{metadata.threshold:.6g} (contamination {metadata.contamination:g})",
        **_evaluation(metadata.evaluation),
        "Parity": _parity(metadata.parity),
        "Explains": "contributions per feature" if metadata.explains else "no",
        "Carries rows": "training rows are inside this file" if metadata.keeps_training_rows else "no training rows",
        "Digest": f"sha256:{model.digest}",
    }


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
