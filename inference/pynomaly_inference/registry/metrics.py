"""What the registry measures, in Prometheus' terms."""

import math
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from pynomaly_inference.registry import versions
from pynomaly_inference.registry.clock import Clock
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.forgetting import Forgotten
from pynomaly_inference.registry.versions import Totals

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)
_OTHER = "other"
"""The endpoint of a request that no route takes, and the method of one that HTTP does not name: both have no bound."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNKNOWN = Totals(math.nan, math.nan, math.nan)  # type: ignore[arg-type]  # a gauge's "not known now"


class Metrics:
    """Every metric of one registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        labels = ["method", "endpoint"]
        self._requests = Counter(
            "pynomaly_registry_requests_total",
            "Requests answered",
            [*labels, "status_code"],
            registry=self._registry,
        )
        self._durations = Histogram(
            "pynomaly_registry_request_duration_seconds",
            "Seconds from the request's head to the end of its answer",
            labels,
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._versions = Gauge("pynomaly_registry_versions", "Recorded versions", registry=self._registry)
        self._bytes = Gauge("pynomaly_registry_stored_bytes", "Bytes of model files kept", registry=self._registry)
        self._missing = Gauge(
            "pynomaly_registry_missing_detectors",
            "Detectors with models that the operator's last list lacks",
            registry=self._registry,
        )
        self._forgotten = Counter(
            "pynomaly_registry_forgotten_detectors_total",
            "Detectors deleted with all their models",
            registry=self._registry,
        )
        self._forgotten_bytes = Counter(
            "pynomaly_registry_forgotten_bytes_total",
            "Bytes of the model files deleted with them",
            registry=self._registry,
        )
        self._connections = Gauge(
            "pynomaly_database_connections",
            "Connections of this process to the database",
            registry=self._registry,
        )

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """One request was answered; it is counted under its route, never its path."""
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        endpoint = getattr(scope.get("route"), "path", _OTHER)
        self._requests.labels(method, endpoint, str(status)).inc()
        self._durations.labels(method, endpoint).observe(seconds)

    def forgot(self, forgotten: Forgotten) -> None:
        """Models and detectors were deleted."""
        self._forgotten.inc(forgotten.detectors)
        self._forgotten_bytes.inc(forgotten.stored_bytes)

    async def exposition(self, database: Database) -> bytes:
        """The text that Prometheus scrapes; what the database cannot tell now is NaN."""
        try:
            async with database.reading() as connection:
                totals = await versions.totals(connection)
        except (SQLAlchemyError, OSError):
            totals = _UNKNOWN
        self._versions.set(totals.versions)
        self._bytes.set(totals.stored_bytes)
        self._missing.set(totals.missing)
        self._connections.set(database.open_connections)
        return generate_latest(self._registry)


class Measured:
    """An ASGI application whose requests are counted and timed."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers and counts one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        began = self._clock.monotonic()

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.answered(scope, status, self._clock.monotonic() - began)
