"""What the operator tells Prometheus, under the names that controller-runtime made usual."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The operator's metrics, in a collection of their own."""

    def __init__(self) -> None:
        self.collection = CollectorRegistry()
        collection = self.collection
        self.queue_depth = Gauge("workqueue_depth", "Detectors that wait to be reconciled.", registry=collection)
        self.queue_seconds = Histogram(
            "workqueue_queue_duration_seconds", "How long a detector waited.", registry=collection
        )
        self.reconciles = Counter(
            "reconcile_total", "Passes by result: success, requeue, error.", ["result"], registry=collection
        )
        self.reconcile_seconds = Histogram("reconcile_time_seconds", "How long a pass took.", registry=collection)
        self.api_requests = Counter(
            "api_requests_total", "Requests to the API server but watches.", ["verb", "code"], registry=collection
        )
        self.children = Counter(
            "pynomaly_children_total",
            "Children looked at, by what was done: applied, skipped, deleted.",
            ["action"],
            registry=collection,
        )
