"""How many serving pods may be evicted at a time, when a node is drained."""

from pynomaly_operator.desired import names
from pynomaly_operator.desired.labels import SERVER, child, selector
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import DISRUPTION_BUDGET, Manifest


def disruption_budget(wanted: Wanted) -> Manifest | None:
    """The PodDisruptionBudget; None where there may be a single pod, which would keep its node from being drained."""
    if wanted.serving.replicas.min == 1:
        return None
    spec = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": selector(wanted.detector, SERVER)},
        # A pod that does not get ready serves nobody, and must not keep a node from being drained.
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return child(DISRUPTION_BUDGET, wanted.detector, names.disruption_budget(wanted.detector), spec=spec)
