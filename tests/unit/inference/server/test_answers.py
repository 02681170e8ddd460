"""The forms of an answer of `POST /v1/score`, and what it holds on request."""

import csv
import io
import json

import httpx
import numpy as np
import pyarrow as pa
import pytest


def answer(client: httpx.Client, accept: str, query: str = "") -> httpx.Response:
    return client.post(f"/v1/score{query}", json={"rows": [[1, 2], [3, 4]]}, headers={"accept": accept})


def test_answers_are_in_the_form_that_is_accepted(client: httpx.Client) -> None:
    lines = answer(client, "application/x-ndjson")
    text = answer(client, "text/csv; q=0.9, image/png")
    stream = answer(client, "application/vnd.apache.arrow.stream")

    expected = [{"score": 2.0, "label": 0, "probability": 0.2}, {"score": 12.0, "label": 1, "probability": 1.0}]
    assert [json.loads(line) for line in lines.text.splitlines()] == expected
    assert text.text == "score,label,probability\n2.0,0,0.2\n12.0,1,1.0\n"
    table = pa.ipc.open_stream(stream.content).read_all()
    table.validate(full=True)
    assert table.to_pylist() == expected
    for response in (lines, text, stream):
        assert response.headers["pynomaly-model"] == "plant"
        assert response.headers["pynomaly-model-version"] == "0"
        assert len(response.headers["pynomaly-model-digest"]) == 64
        assert response.headers["pynomaly-threshold"] == "4.0"
    assert stream.headers["content-type"] == "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "application/x-ndjson"),
        ("application/json;q=0.1, text/csv;q=0.2", "text/csv"),
        ("Application/JSON;charset=utf-8", "application/json"),
    ],
)
def test_an_accept_header_is_read_as_http_has_it(client: httpx.Client, accept: str, form: str) -> None:
    assert answer(client, accept).headers["content-type"] == form


@pytest.mark.parametrize("accept", ["image/png", "text/html, application/xml;q=0.9", "application/json;q=0", "x", ";"])
def test_a_form_that_there_is_not_is_refused(client: httpx.Client, accept: str) -> None:
    response = answer(client, accept)

    assert response.status_code == 406
    assert response.json()["detail"] == (
        f"there is no answer as {accept}: accept application/json, application/x-ndjson, text/csv or "
        "application/vnd.apache.arrow.stream"
    )


def test_contributions_come_in_every_form(client: httpx.Client) -> None:
    lines = answer(client, "application/x-ndjson", "?explain=true").text.splitlines()
    rows = list(csv.DictReader(io.StringIO(answer(client, "text/csv", "?explain=true").text)))
    stream = answer(client, "application/vnd.apache.arrow.stream", "?explain=true")

    assert [json.loads(line)["contributions"] for line in lines] == [{"a": 0.0, "b": 2.0}, {"a": 4.0, "b": 8.0}]
    assert [(row["contribution_a"], row["contribution_b"]) for row in rows] == [("0.0", "2.0"), ("4.0", "8.0")]
    assert pa.ipc.open_stream(stream.content).read_all()["contribution_b"].to_pylist() == [2.0, 8.0]


def test_the_largest_contributions_come_alone_when_asked_for(client: httpx.Client) -> None:
    body = {"rows": [[1, 2], [5, 1], [2, 2**0.5]]}
    whole = client.post("/v1/score?top_contributions=1", json=body).json()
    table = client.post(
        "/v1/score?top_contributions=1", json=body, headers={"accept": "application/vnd.apache.arrow.stream"}
    )

    assert "contributions" not in whole
    assert whole["top_contributions"][:2] == [
        [{"feature": "b", "contribution": 2.0}],
        [{"feature": "a", "contribution": 16.0}],
    ]
    columns = pa.ipc.open_stream(table.content).read_all()
    assert columns["top_feature_1"].to_pylist()[:2] == ["b", "a"]
    assert columns["top_contribution_1"].to_pylist()[:2] == [2.0, 16.0]
    both = client.post("/v1/score?explain=1&top_contributions=9", json={"rows": [[2, 2**0.5 - 2**-52]]}).json()
    assert [entry["feature"] for entry in both["top_contributions"][0]] == ["a", "b"]


def test_the_probability_is_of_the_kind_that_is_asked_for(client: httpx.Client) -> None:
    linear = answer(client, "*/*", "?normalize=linear").json()["probabilities"]
    unify = answer(client, "*/*", "?normalize=unify").json()["probabilities"]

    assert linear == pytest.approx([0.2, 1.0])
    assert unify == pytest.approx(np.tanh([0.2, 1.0]))
