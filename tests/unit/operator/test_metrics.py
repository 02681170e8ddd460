"""The names and labels are controller-runtime's, so that its dashboards and alerts fit."""

import asyncio

from prometheus_client import CollectorRegistry

from pynomaly_operator.metrics import Metrics
from pynomaly_operator.store import Key
from pynomaly_operator.workqueue import Backoff, WorkQueue

NAME = {"name": "anomalydetector", "controller": "anomalydetector"}
CONTROLLER = {"controller": "anomalydetector"}


def test_the_queue_is_measured() -> None:
    metrics = Metrics()
    passes = 0

    async def scenario() -> tuple[float, float]:
        async def reconcile(key: Key) -> float | None:
            nonlocal passes
            passes += 1
            if key == ("n", "hangs"):
                await asyncio.Event().wait()
            if passes == 1:
                raise RuntimeError("once")
            return 3600.0 if key == ("n", "later") else None

        queue = WorkQueue(reconcile, metrics, Backoff(first=0.01))
        for name in ("fails", "later", "hangs", "waits"):
            queue.add(("n", name))
        assert value(metrics.collection, "workqueue_depth", NAME) == 4
        working = asyncio.create_task(queue.run(1))
        await asyncio.sleep(0.2)
        running = value(metrics.collection, "workqueue_unfinished_work_seconds", NAME)
        longest = value(metrics.collection, "workqueue_longest_running_processor_seconds", NAME)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return running, longest

    running, longest = asyncio.run(scenario())

    found = metrics.collection
    assert 0.1 < running < 5
    assert 0.1 < longest < 5
    assert value(found, "workqueue_adds_total", NAME) == 5, "the one that failed was added again"
    assert value(found, "workqueue_retries_total", NAME) == 1
    assert value(found, "workqueue_queue_duration_seconds_count", NAME) == 3
    assert value(found, "workqueue_work_duration_seconds_count", NAME) == 3
    assert value(found, "controller_runtime_reconcile_total", {**CONTROLLER, "result": "error"}) == 1
    assert value(found, "controller_runtime_reconcile_total", {**CONTROLLER, "result": "requeue_after"}) == 1
    assert value(found, "controller_runtime_reconcile_errors_total", CONTROLLER) == 1
    assert value(found, "controller_runtime_max_concurrent_reconciles", CONTROLLER) == 1


def test_requests_to_the_api_server_are_counted_by_code_method_and_host() -> None:
    metrics = Metrics()
    metrics.api_request("PATCH", "https://10.0.0.1:443", 409)
    metrics.api_request("GET", "https://10.0.0.1:443/prefix")

    labels = {"code": "409", "method": "PATCH", "host": "10.0.0.1:443"}
    assert value(metrics.collection, "rest_client_requests_total", labels) == 1
    unanswered = {"code": "<error>", "method": "GET", "host": "10.0.0.1:443"}
    assert value(metrics.collection, "rest_client_requests_total", unanswered) == 1


def test_who_leads_says_so_at_the_moment_of_the_question() -> None:
    metrics, leads = Metrics(), [True]
    metrics.leads("pynomaly-operator", lambda: leads[0])

    name = {"name": "pynomaly-operator"}
    assert value(metrics.collection, "leader_election_master_status", name) == 1
    leads[0] = False
    assert value(metrics.collection, "leader_election_master_status", name) == 0


def value(collection: CollectorRegistry, name: str, labels: dict[str, str]) -> float:
    found = collection.get_sample_value(name, labels)
    assert found is not None, name
    return found
