"""What sets the number of serving pods between its bounds, by their load."""

from pynomaly_operator.desired import names
from pynomaly_operator.desired.labels import child
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.manifest import AUTOSCALER, DEPLOYMENT, Manifest

# It doubles at most once a minute, and shrinks slowly: a pod too many costs less than one too few.
BEHAVIOR: Manifest = {
    "scaleUp": {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 60}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
    },
}


def autoscaler(wanted: Wanted) -> Manifest | None:
    """The HorizontalPodAutoscaler; None for a fixed number of pods, or while there is nothing to scale."""
    replicas = wanted.serving.replicas
    if wanted.target is None or not replicas.autoscaled:
        return None
    target = names.deployment(wanted.detector)
    spec = {
        "scaleTargetRef": {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.name, "name": target},
        "minReplicas": replicas.min,
        "maxReplicas": replicas.max,
        "metrics": [_metric(name, getattr(replicas, name)) for name in replicas.measured],
        "behavior": BEHAVIOR,
    }
    return child(AUTOSCALER, wanted.detector, names.autoscaler(wanted.detector), spec=spec)


def _metric(resource: str, percent: int) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}
