"""What Prometheus sees."""

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pynomaly_inference.server.settings import ServerSettings


@pytest.fixture
def fresh(table: Any, running: Any, variant: Any) -> Any:
    models = (variant(), variant(name="zones", category=True))
    with running(table(*models), ServerSettings()) as client:
        yield client


def samples(client: httpx.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def value(client: httpx.Client, name: str, **labels: str) -> float:
    return samples(client)[name, tuple(sorted(labels.items()))]


def test_requests_are_counted_by_route_template_and_status(fresh: httpx.Client) -> None:
    for _ in range(3):
        fresh.post("/v1/score?model=plant", json={"rows": [[1, 2]]})
    fresh.post("/v1/score?model=plant", json={"rows": [[1]]})
    fresh.post("/v2/models/plant/versions/0/infer", json={})
    fresh.post("/v2/models/other/infer", json={})
    fresh.get("/v2/models/plant")
    for path in ("/a", "/b", "/c?d"):
        fresh.get(path)
    fresh.request("BREW", "/tea")

    def requests(method: str, endpoint: str, status: str) -> float:
        labels = {"method": method, "endpoint": endpoint, "status_code": status}
        return value(fresh, "pynomaly_requests_total", **labels)

    assert requests("POST", "/v1/score", "200") == 3
    assert requests("POST", "/v1/score", "422") == 1
    assert requests("POST", "/v2/models/{name}/versions/{version}/infer", "400") == 1
    assert requests("POST", "/v2/models/{name}/infer", "404") == 1
    assert requests("GET", "/v2/models/{name}", "200") == 1
    assert requests("GET", "other", "404") == 3
    endpoints = {dict(labels).get("endpoint") for _, labels in samples(fresh)}
    assert not endpoints & {"/a", "/b", "/tea"}


def test_durations_have_the_buckets_that_objectives_are_written_in(fresh: httpx.Client) -> None:
    fresh.post("/v1/score?model=plant", json={"rows": [[1, 2]]})

    name, labels = "pynomaly_request_duration_seconds", {"method": "POST", "endpoint": "/v1/score"}

    assert value(fresh, f"{name}_count", **labels) == 1
    assert 0 < value(fresh, f"{name}_sum", **labels) < 1
    bounds = [dict(labels)["le"] for metric, labels in samples(fresh) if metric == f"{name}_bucket"]
    assert {"0.5", "1.0", "2.0", "+Inf"} <= set(bounds)
    assert value(fresh, f"{name}_bucket", **labels, le="+Inf") == 1


def test_analyses_detections_and_scores_are_counted(fresh: httpx.Client) -> None:
    fresh.post("/v1/score?model=plant", json={"rows": [[1, 0], [3, 4], [1, 2], [4, 1]]})
    fresh.post("/v1/score?model=plant", json={"rows": [[3, 4]]})
    fresh.post("/v1/score?model=plant&threshold=100", json={"rows": [[3, 4]]})
    fresh.post("/v1/score?model=plant", json={"rows": [[None, 4]]})

    assert value(fresh, "pynomaly_analyses_total", algorithm="PCA", status="success") == 3
    assert value(fresh, "pynomaly_analyses_total", algorithm="PCA", status="error") == 1
    assert value(fresh, "pynomaly_detections_total") == 3
    scores = {"model_name": "plant"}
    assert value(fresh, "pynomaly_score_count", **scores) == 6
    assert value(fresh, "pynomaly_score_sum", **scores) == 0 + 12 + 2 + 9.5 + 12 + 12
    for bound, count in (("0.0", 1), ("1.0", 1), ("2.0", 2), ("8.0", 2), ("10.0", 3), ("+Inf", 6)):
        assert value(fresh, "pynomaly_score_bucket", **scores, le=bound) == count
    assert value(fresh, "pynomaly_score_count", model_name="zones") == 0


def test_models_and_connections_are_described(fresh: httpx.Client) -> None:
    digest = fresh.get("/v1/card?model=plant").json()["digest"]

    labels = {"model_name": "plant", "version": "0", "algorithm": "PCA", "digest": digest}

    assert value(fresh, "pynomaly_model_info", **labels) == 1
    assert value(fresh, "pynomaly_active_connections") == 1
    assert value(fresh, "process_resident_memory_bytes") > 1e6
