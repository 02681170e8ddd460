"""KServe's v1 protocol over HTTP."""

from typing import Any

import httpx
import pytest

from pynomaly_inference.server.settings import ServerSettings

PREDICT = "/v1/models/plant:predict"
EXPLAIN = "/v1/models/plant:explain"


@pytest.mark.parametrize("instances", [[[1, 2], [3, 4]], [{"a": 1, "b": 2}, {"b": 4, "a": 3}]])
def test_instances_are_predicted_one_by_one(client: httpx.Client, instances: object) -> None:
    answer = client.post(PREDICT, json={"instances": instances}).json()

    assert answer == {
        "predictions": [
            {"score": 2.0, "label": 0, "probability": 0.2},
            {"score": 12.0, "label": 1, "probability": 1.0},
        ]
    }


def test_explaining_adds_what_each_feature_adds_to_the_score(client: httpx.Client) -> None:
    answer = client.post(EXPLAIN, json={"instances": [[3, 4]]})

    assert answer.json() == {
        "predictions": [{"score": 12.0, "label": 1, "probability": 1.0}],
        "explanations": [{"a": 4.0, "b": 8.0}],
    }


def test_a_model_without_contributions_says_that_it_cannot_explain(table: Any, running: Any, variant: Any) -> None:
    with running(table(variant(explains=False)), ServerSettings()) as plain:
        refused = plain.post(EXPLAIN, json={"instances": [[3, 4]]})

    assert refused.status_code == 422
    assert refused.json() == {"error": "model `plant` cannot explain its scores: PCA has no contributions here"}


def test_failures_are_errors_of_the_protocol(client: httpx.Client) -> None:
    wrong = client.post(PREDICT, json={"instances": [[1, 2], {"a": 1, "b": 2}]})
    assert wrong.status_code == 422
    assert wrong.json() == {"error": "row 2 is an object; it takes a list of 2 values"}

    unknown = client.post("/v1/models/plan:predict", json={"instances": [[1, 2]]})
    assert unknown.status_code == 404
    assert unknown.json() == {"error": "no model `plan` is loaded: there is `plant`"}

    media = client.post(PREDICT, content=b"a,b", headers={"content-type": "text/csv"})
    assert media.status_code == 415


def test_models_are_listed_and_say_that_they_are_ready(client: httpx.Client) -> None:
    assert client.get("/v1/models").json() == {"models": ["plant"]}
    assert client.get("/v1/models/plant").json() == {"name": "plant", "ready": True}


@pytest.mark.parametrize("path", [PREDICT, EXPLAIN])
def test_predicting_and_explaining_take_post_alone(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json() == {"error": "this path does not take GET: it takes POST"}
