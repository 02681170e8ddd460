"""What the server measures, in Prometheus' terms.

The counts of requests are plain numbers that a collector reads when it is scraped: prometheus_client's own counters
and histograms, with a lock and a walk over the buckets for each observation, cost more than reading a request.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.server.score_histogram import ScoreHistogram, cumulative
from pynomaly_inference.server.table import ModelTable, ServedModel

DURATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
OTHER = "other"
"""The endpoint of a request that no route takes, and the method of one that HTTP does not define: neither has bounds
of its own."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Endpoint:
    """One method on one route."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self.durations = [0] * (len(DURATION_BUCKETS) + 1)
        self.seconds = 0.0


class _Analyses:
    """One model's scoring requests."""

    def __init__(self, served: ServedModel) -> None:
        metadata = served.model.metadata
        self.algorithm = metadata.algorithm.name
        self.version = served.version
        self.succeeded = 0
        self.failed = 0
        self.ignored = 0
        self.scores = ScoreHistogram(metadata.score_quantiles)


class Metrics(Collector):
    """Every metric of one server, in one registry; recorded from the event loop's thread only."""

    def __init__(self, models: ModelTable, registry: CollectorRegistry, connections: Callable[[], float]) -> None:
        self.registry = registry
        self._endpoints: dict[tuple[str, str], _Endpoint] = {}
        self._analyses: dict[str, _Analyses] = {}
        """By digest: the counts of a model that is served no more stay in the totals."""
        self._current: dict[str, str] = {}
        """The digest that is served under each name."""
        registry.register(self)
        ProcessCollector(registry=registry)
        Gauge("pynomaly_active_connections", "Open connections", registry=registry).set_function(connections)
        self._info = Gauge(
            "pynomaly_model_info",
            "1 for each loaded model",
            ["model_name", "version", "algorithm", "digest"],
            registry=registry,
        )
        for served in models:
            self.follow(served)

    def follow(self, served: ServedModel) -> None:
        """Counts for this model, in place of the one of the same name."""
        digest = served.model.digest
        known = self._analyses.setdefault(digest, _Analyses(served))
        known.version = served.version
        self._current[served.name] = digest
        self._info.clear()
        for name, current in self._current.items():
            analyses = self._analyses[current]
            self._info.labels(name, str(analyses.version), analyses.algorithm, current).set(1)

    def answered(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """One request was answered; `endpoint` is the route's template."""
        count = self._endpoints.get((method, endpoint))
        if count is None:
            known = method if method in METHODS else OTHER
            count = self._endpoints.setdefault((known, endpoint), _Endpoint())
        count.by_status[status] = count.by_status.get(status, 0) + 1
        count.durations[bisect_left(DURATION_BUCKETS, seconds)] += 1
        count.seconds += seconds

    def scored(self, served: ServedModel, scored: Scored) -> None:
        """One scoring request succeeded."""
        analyses = self._analyses[served.model.digest]
        analyses.succeeded += 1
        analyses.scores.observe(scored)

    def ignored(self, served: ServedModel, columns: int) -> None:
        """One scoring request had so many columns that the model does not know."""
        self._analyses[served.model.digest].ignored += columns

    def rejected(self, served: ServedModel) -> None:
        """One scoring request for this model failed."""
        self._analyses[served.model.digest].failed += 1

    def collect(self) -> Iterator[Metric]:
        """The counts as they are now."""
        yield from self._collect_requests()
        analyses = CounterMetricFamily(
            "pynomaly_analyses", "Scoring requests by outcome", labels=["algorithm", "status"]
        )
        ignored = CounterMetricFamily(
            "pynomaly_ignored_columns",
            "Columns of scoring requests, by name, that the model does not know",
            labels=["model_name"],
        )
        scores = HistogramMetricFamily("pynomaly_score", "Scores of the rows", labels=["model_name"])
        totals: dict[tuple[str, str], int] = {}
        for each in self._analyses.values():
            for status, count in (("success", each.succeeded), ("error", each.failed)):
                totals[each.algorithm, status] = totals.get((each.algorithm, status), 0) + count
        for name, digest in self._current.items():
            shown = self._analyses[digest].scores
            ignored.add_metric([name], self._analyses[digest].ignored)
            scores.add_metric([name], shown.buckets(), shown.sum)
        for labels, count in totals.items():
            analyses.add_metric(labels, count)
        found = sum(each.scores.anomalies for each in self._analyses.values())
        yield analyses
        yield ignored
        yield CounterMetricFamily("pynomaly_detections", "Rows found anomalous", found)
        yield scores

    def _collect_requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "pynomaly_requests", "Requests answered", labels=["method", "endpoint", "status_code"]
        )
        durations = HistogramMetricFamily(
            "pynomaly_request_duration_seconds",
            "Seconds from the request's head to the end of its answer",
            labels=["method", "endpoint"],
        )
        for labels, count in self._endpoints.items():
            for status, answered in count.by_status.items():
                requests.add_metric([*labels, str(status)], answered)
            durations.add_metric(labels, cumulative(DURATION_BUCKETS, count.durations), count.seconds)
        yield requests
        yield durations
