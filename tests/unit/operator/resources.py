"""Two detectors: as little as can be said, and as much."""

from dataclasses import replace
from typing import Any

from pynomaly_operator.api.parse import parse_spec
from pynomaly_operator.api.status import Metrics, ModelStatus
from pynomaly_operator.api.v1alpha1 import DetectorSpec
from pynomaly_operator.desired.fingerprint import fingerprint
from pynomaly_operator.desired.wanted import Identity, Programs, Wanted, WantedTraining

MINIMAL: dict[str, Any] = {
    "algorithm": {"name": "IForest"},
    "training": {"source": {"uri": "https://example.com/rows.csv"}},
}
FULL: dict[str, Any] = {
    "algorithm": {"name": "KNN", "parameters": {"n_neighbors": 7}},
    "contamination": 0.07,
    "features": [{"name": "rad_flow", "type": "Number"}, {"name": "zone", "type": "Category"}],
    "preprocessing": {"impute": "Median", "scale": "Standard"},
    "training": {
        "source": {"uri": "pvc://telemetry/shuttle/*.parquet", "label": "is_anomaly", "timestamp": "recorded_at"},
        "holdout": 0.25,
        "seed": 11,
        "gates": {"minRocAuc": 0.9, "minAveragePrecision": 0.5, "maxAnomalyRate": 0.2},
        "schedule": {"cron": "0 3 * * *", "timeZone": "Europe/Berlin"},
        "timeout": "1h30m",
        "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
    },
    "serving": {
        "replicas": {"min": 3, "max": 10, "cpu": 60, "memory": 80},
        "version": 3,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "access": {
            "apiKeys": {"rotateAfter": "2160h", "overlap": "24h"},
            "jwt": {
                "issuer": "https://login.example.com/",
                "audience": "shuttle",
                "jwksUri": "https://login.example.com:8443/keys",
            },
        },
        "limits": {"rows": 5000, "bodyMiB": 8, "requestsPerMinute": 6000},
        "grpc": True,
    },
    "network": {
        "trustedProxies": ["10.30.0.0/16"],
        "allowHosts": ["shuttle.plant-a.svc", "*.example.com"],
        "allowOrigins": ["https://app.example.com"],
        "allowFrom": [{"namespace": "monitoring"}, {"namespace": "ingress"}],
        "allowTo": [{"cidr": "10.20.0.0/16", "port": 5432}, {"namespace": "storage", "port": 9000}],
    },
    "suspend": False,
}

MINIMAL_DETECTOR = Identity("default", "tiny", "00000000-0000-4000-8000-000000000001")
FULL_DETECTOR = Identity("plant-a", "shuttle", "00000000-0000-4000-8000-000000000002")
PROGRAMS = Programs(
    "registry.example/trainer:1",
    "registry.example/server:1",
    "http://registry.pynomaly.svc:8000",
    namespace="pynomaly",
)


def spec(content: dict[str, Any]) -> DetectorSpec:
    """The spec, validated."""
    return parse_spec(content)


def model(content: dict[str, Any], version: int = 1, **metrics: float) -> ModelStatus:
    """A version of the model that this spec asks for."""
    return ModelStatus(
        version=version,
        digest=f"{version:064x}",
        fingerprint=fingerprint(spec(content)),
        algorithm=content["algorithm"]["name"],
        threshold=0.5,
        metrics=Metrics(rows=100, held_out=True, anomaly_rate=metrics.pop("anomaly_rate", 0.1), **metrics),
    )


def wanted(content: dict[str, Any], target: ModelStatus | None = None, *, due: bool = False) -> Wanted:
    """What follows for the full detector's name from this spec."""
    parsed = spec(content)
    training = WantedTraining(parsed, due)
    return Wanted(FULL_DETECTOR, parsed.serving, PROGRAMS, training, target, network=parsed.network)


def minimal() -> Wanted:
    """The minimal detector, trained once and to be trained again."""
    return replace(wanted(MINIMAL, model(MINIMAL), due=True), detector=MINIMAL_DETECTOR)


def full() -> Wanted:
    """The full detector, trained three times and to be trained again, with images that need a login."""
    programs = replace(PROGRAMS, pull_secrets=("registry-login", "mirror-login"))
    return replace(wanted(FULL, model(FULL, version=3), due=True), programs=programs)
