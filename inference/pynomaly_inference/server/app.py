"""Puts the server's parts together."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from pynomaly_inference.server.access.build import build_admission
from pynomaly_inference.server.api import build_api
from pynomaly_inference.server.exposure import Exposure
from pynomaly_inference.server.front import Front
from pynomaly_inference.server.metrics import Metrics
from pynomaly_inference.server.readiness import Readiness
from pynomaly_inference.server.routes import ScoringRoutes
from pynomaly_inference.server.scorer import Scorer
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.state import ServerState
from pynomaly_inference.server.table import ModelTable


def create_app(
    models: ModelTable,
    settings: ServerSettings,
    *,
    registry: CollectorRegistry | None = None,
    readiness: Readiness | None = None,
    connections: Callable[[], float] = lambda: 0,
) -> Front:
    """The ASGI application that serves these models.

    registry: where the metrics are registered; its own when None. readiness: what the one who stops the server changes.
    connections: how many connections are open. Raises ResourceInvalid when keys cannot be read.
    """
    exposure = Exposure(settings.allow_hosts, settings.allow_origins)
    admission = build_admission(settings)
    metrics = Metrics(models, registry or CollectorRegistry(), connections)
    state = ServerState(models, admission, metrics, readiness or Readiness(), exposure)
    scoring = ScoringRoutes(models, Scorer(metrics, settings.rows), settings.body_bytes)
    return Front(scoring, build_api(state, scoring), state)
