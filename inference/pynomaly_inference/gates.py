"""Whether recorded metrics keep the resource's bounds."""

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.spec import Gates


def failures(gates: Gates, evaluation: Evaluation) -> tuple[str, ...]:
    """One sentence a gate that does not hold; empty when all hold. A metric that is missing or NaN fails its gate."""
    least = (
        ("minRocAuc", gates.min_roc_auc, "ROC AUC", evaluation.roc_auc),
        ("minAveragePrecision", gates.min_average_precision, "average precision", evaluation.average_precision),
    )
    found = [_too_low(*gate) for gate in least]
    most = gates.max_anomaly_rate
    if most is not None and not evaluation.anomaly_rate <= most:
        found.append(f"the anomaly rate is {evaluation.anomaly_rate:.4g}, maxAnomalyRate allows {most:g}")
    return tuple(sentence for sentence in found if sentence is not None)


def _too_low(gate: str, bound: float | None, metric: str, value: float | None) -> str | None:
    if bound is None:
        return None
    if value is None:
        return f"{gate} is {bound:g}, and {metric} is not defined: the evaluated rows hold one class only"
    if value >= bound:
        return None
    return f"{metric} is {value:.4g}, {gate} demands {bound:g}"
