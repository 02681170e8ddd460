"""The OpenAPI document, and that the server keeps to it whatever it is sent."""

import json
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from pynomaly_inference.server.app import create_app
from pynomaly_inference.server.settings import ServerSettings


@schemathesis.serializer("application/x-ndjson")
def one_line(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.serializer("application/vnd.apache.arrow.stream", "application/vnd.apache.parquet")
def as_it_is(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


SCORING = {
    "/v1/stream",
    "/v1/score",
    "/v2/models/{name}/infer",
    "/v2/models/{name}/versions/{version}/infer",
    "/v1/models/{name}:predict",
}


CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]


def test_no_request_gets_an_answer_that_the_document_does_not_describe(table: Any, variant: Any) -> None:
    models = table(variant(), variant(name="zones", category=True, missing=True))
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(models, ServerSettings()))
    tried = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def conforms(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def survives(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        conforms()
        if operation.body or operation.query:
            survives()
        tried.add(operation.path)

    assert tried >= SCORING | {"/v1/card", "/v2", "/health", "/metrics"}


def test_every_scoring_route_is_documented_with_its_bodies_and_failures(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    for path in SCORING - {"/v1/stream"}:
        operation = document["paths"][path]["post"]
        assert "application/json" in operation["requestBody"]["content"]
        assert {"200", "400", "401", "404", "413", "415", "422"} <= operation["responses"].keys()
        assert {"key": []} in operation["security"]
    score = document["paths"]["/v1/score"]["post"]
    assert {parameter["name"] for parameter in score["parameters"] if parameter["in"] == "query"} == {
        "model", "explain", "normalize", "threshold", "top_contributions",
    }  # fmt: skip
    tables = {"application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"}
    assert set(score["responses"]["200"]["content"]) == tables
    assert set(score["requestBody"]["content"]) == tables | {"application/vnd.apache.parquet"}
    assert set(document["components"]["securitySchemes"]) == {"key", "bearer"}


def test_every_documented_path_needs_a_key_or_is_health(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]

    for path, operations in paths.items():
        for operation in operations.values():
            assert ("security" in operation) != ("health" in path)
