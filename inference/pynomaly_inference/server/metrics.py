"""What the server measures, in Prometheus' terms."""

from bisect import bisect_left
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.server.table import ModelTable, ServedModel

DURATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
OTHER = "other"
"""The endpoint of a request that no route takes: its path is the client's, and has no bound."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ScoreHistogram:
    """Counts of one model's scores between the quantiles of its training scores."""

    def __init__(self, quantiles: tuple[float, ...]) -> None:
        self._bounds = sorted(set(quantiles))
        self._edges = np.array(self._bounds)
        self._counts = np.zeros(len(self._bounds) + 1, np.int64)
        self._sum = 0.0

    def observe(self, scores: NDArray[np.float64]) -> None:
        """Counts the scores, all finite: one pass of numpy, not one call a row."""
        if len(scores) == 1:
            score = scores.item()
            self._counts[bisect_left(self._bounds, score)] += 1
            self._sum += score
            return
        self._counts += np.bincount(np.searchsorted(self._edges, scores), minlength=len(self._counts))
        self._sum += float(scores.sum())

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts with their upper bounds, as the exposition format has them."""
        bounds = [*map(repr, self._bounds), "+Inf"]
        return list(zip(bounds, map(float, self._counts.cumsum()), strict=True))

    @property
    def sum(self) -> float:
        """The sum of all scores."""
        return self._sum


class _Scores(Collector):
    def __init__(self) -> None:
        self.by_model: dict[str, ScoreHistogram] = {}

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily("pynomaly_score", "Scores of the rows", labels=["model_name"])
        for name, histogram in self.by_model.items():
            family.add_metric([name], histogram.buckets(), histogram.sum)
        yield family


class _Endpoint:
    """The bound metrics of one method on one route; a label lookup for each request would cost more than they do."""

    def __init__(self, requests: Counter, durations: Histogram, method: str, endpoint: str) -> None:
        self._requests = requests
        self._labels = (method, endpoint)
        self._observe = durations.labels(*self._labels).observe
        self._count: dict[int, Callable[[], None]] = {}

    def record(self, status: int, seconds: float) -> None:
        count = self._count.get(status)
        if count is None:
            count = self._count[status] = self._requests.labels(*self._labels, str(status)).inc
        count()
        self._observe(seconds)


class Metrics:
    """Every metric of one server, in one registry; recorded from the event loop's thread only."""

    def __init__(self, models: ModelTable, registry: CollectorRegistry, connections: Callable[[], float]) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "pynomaly_requests_total", "Requests answered", ["method", "endpoint", "status_code"], registry=registry
        )
        self._durations = Histogram(
            "pynomaly_request_duration_seconds",
            "Seconds from the request's head to the end of its answer",
            ["method", "endpoint"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        Gauge("pynomaly_active_connections", "Open connections", registry=registry).set_function(connections)
        analyses = Counter(
            "pynomaly_analyses_total", "Scoring requests by outcome", ["algorithm", "status"], registry=registry
        )
        self._detections = Counter("pynomaly_detections_total", "Rows found anomalous", registry=registry)
        info = Gauge(
            "pynomaly_model_info",
            "1 for each loaded model",
            ["model_name", "version", "algorithm", "digest"],
            registry=registry,
        )
        self._endpoints: dict[tuple[str, str], _Endpoint] = {}
        self._scores = _Scores()
        registry.register(self._scores)
        self._succeeded: dict[str, Callable[[], None]] = {}
        self._failed: dict[str, Callable[[], None]] = {}
        for served in models:
            algorithm = served.model.metadata.algorithm.name
            info.labels(served.name, str(served.version), algorithm, served.model.digest).set(1)
            self._succeeded[served.name] = analyses.labels(algorithm, "success").inc
            self._failed[served.name] = analyses.labels(algorithm, "error").inc
            self._scores.by_model[served.name] = ScoreHistogram(served.model.metadata.score_quantiles)

    def answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """One request was answered; `endpoint` is the route's template."""
        bound = self._endpoints.get((method, endpoint))
        if bound is None:
            known = method if method in METHODS else OTHER
            bound = _Endpoint(self._requests, self._durations, known, endpoint)
            if known == method:
                self._endpoints[method, endpoint] = bound
        bound.record(status, seconds)

    def scored(self, served: ServedModel, scored: Scored) -> None:
        """One scoring request succeeded."""
        self._succeeded[served.name]()
        self._scores.by_model[served.name].observe(scored.scores)
        found = int(scored.labels.sum()) if len(scored.labels) > 1 else scored.labels.item()
        if found:
            self._detections.inc(found)

    def rejected(self, served: ServedModel) -> None:
        """One scoring request for this model failed."""
        self._failed[served.name]()
