"""What the operator tells Prometheus, under the names and labels of controller-runtime, whose dashboards fit it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTROLLER = "anomalydetector"
NO_ANSWER = "<error>"
"""What client-go calls the code of a request that was not answered."""

_LABELS = ("name", "controller")
_VALUES = (CONTROLLER, CONTROLLER)
_QUEUE_BUCKETS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
_RECONCILE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)  # fmt: skip


class QueueMetrics:
    """Of the queue of detectors."""

    def __init__(self, collection: CollectorRegistry) -> None:
        depth = Gauge("workqueue_depth", "Detectors that wait to be reconciled.", _LABELS, registry=collection)
        adds = Counter("workqueue_adds_total", "Detectors that were queued.", _LABELS, registry=collection)
        retries = Counter("workqueue_retries_total", "Detectors queued again.", _LABELS, registry=collection)
        waited = Histogram(
            "workqueue_queue_duration_seconds",
            "How long a detector waited.",
            _LABELS,
            registry=collection,
            buckets=_QUEUE_BUCKETS,
        )
        worked = Histogram(
            "workqueue_work_duration_seconds",
            "How long a detector was worked on.",
            _LABELS,
            registry=collection,
            buckets=_QUEUE_BUCKETS,
        )
        unfinished = Gauge(
            "workqueue_unfinished_work_seconds",
            "For how long the passes that have not ended have run, together.",
            _LABELS,
            registry=collection,
        )
        longest = Gauge(
            "workqueue_longest_running_processor_seconds",
            "For how long the longest of them has run.",
            _LABELS,
            registry=collection,
        )
        self.depth, self.unfinished, self.longest = (gauge.labels(*_VALUES) for gauge in (depth, unfinished, longest))
        self.adds, self.retries = adds.labels(*_VALUES), retries.labels(*_VALUES)
        self.waited, self.worked = waited.labels(*_VALUES), worked.labels(*_VALUES)

    def watch(self, running: Callable[[], list[float]]) -> None:
        """From now on the passes that run are asked for when Prometheus asks; each is told by its seconds."""
        self.unfinished.set_function(lambda: sum(running()))
        self.longest.set_function(lambda: max(running(), default=0.0))


class Metrics:
    """The operator's metrics, in a collection of their own."""

    def __init__(self) -> None:
        self.collection = CollectorRegistry()
        collection = self.collection
        self.queue = QueueMetrics(collection)
        self.reconciles = Counter(
            "controller_runtime_reconcile_total",
            "Passes by result: success, requeue_after, error.",
            ["controller", "result"],
            registry=collection,
        )
        reconcile_errors = Counter(
            "controller_runtime_reconcile_errors_total", "Passes that failed.", ["controller"], registry=collection
        )
        reconcile_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "How long a pass took.",
            ["controller"],
            registry=collection,
            buckets=_RECONCILE_BUCKETS,
        )
        workers = Gauge("controller_runtime_max_concurrent_reconciles", "Workers.", ["controller"], registry=collection)
        active = Gauge("controller_runtime_active_workers", "Workers at work.", ["controller"], registry=collection)
        self.reconcile_errors = reconcile_errors.labels(CONTROLLER)
        self.reconcile_seconds = reconcile_seconds.labels(CONTROLLER)
        self.workers, self.active_workers = workers.labels(CONTROLLER), active.labels(CONTROLLER)
        self.api_requests = Counter(
            "rest_client_requests_total",
            "Requests to the API server but watches.",
            ["code", "method", "host"],
            registry=collection,
        )
        self.leader = Gauge(
            "leader_election_master_status", "1 when this process leads, else 0.", ["name"], registry=collection
        )
        self.children = Counter(
            "pynomaly_children_total",
            "Children looked at, by what was done: applied, skipped, deleted.",
            ["action"],
            registry=collection,
        )
        ProcessCollector(registry=collection)
        PlatformCollector(registry=collection)
        GCCollector(registry=collection)

    def api_request(self, method: str, server: str, status: int | None = None) -> None:
        """A request to the API server at this URL ended; `status` None: without an answer."""
        host = server.partition("://")[2].partition("/")[0]
        self.api_requests.labels(NO_ANSWER if status is None else str(status), method, host).inc()

    def leads(self, lease: str, leading: Callable[[], bool]) -> None:
        """From now on it is asked for when Prometheus asks whether this process leads."""
        self.leader.labels(lease).set_function(lambda: float(leading()))

    def reconciled(self, result: str) -> None:
        """A pass ended."""
        self.reconciles.labels(CONTROLLER, result).inc()
        if result == "error":
            self.reconcile_errors.inc()
