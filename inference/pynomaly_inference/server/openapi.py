"""The parts of the OpenAPI document that FastAPI cannot read off the plain handlers."""

from typing import Any

Schema = dict[str, Any]

_NUMBER: Schema = {"type": "number"}
_TEXT: Schema = {"type": "string"}
_VALUE: Schema = {"description": "A Number, or the text of a Category; null where a value is missing."}
_ROW: Schema = {"type": "array", "items": _VALUE, "minItems": 1, "description": "The features in the model's order."}
_RECORD: Schema = {"type": "object", "additionalProperties": _VALUE, "description": "The features by name."}
_NUMBERS: Schema = {"type": "array", "items": _NUMBER}
_LABELS: Schema = {"type": "array", "items": {"type": "integer", "enum": [0, 1]}}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None, **more: Any) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}, **more}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


_TENSOR = _object(
    {
        "name": {"type": "string", "enum": ["X", "C"]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
        "datatype": {"type": "string", "description": "Any numeric datatype for X; BYTES for C."},
    },
    {"data": {"type": "array", "items": {}}, "parameters": {"type": "object"}},
)
_OUTPUT_TENSOR = _object(
    {"name": _TEXT, "shape": {"type": "array", "items": {"type": "integer"}}, "datatype": _TEXT},
    {"data": {"type": "array", "items": _NUMBER}, "parameters": {"type": "object"}},
)
_PREDICTIONS: Schema = {
    "type": "array",
    "items": _object({"score": _NUMBER, "label": {"type": "integer", "enum": [0, 1]}, "probability": _NUMBER}),
}
_EXPLANATIONS: Schema = {
    "type": "array",
    "items": {"type": "object", "additionalProperties": _NUMBER},
    "description": "What each feature adds to the score, by its name.",
}

_TOP: Schema = {"type": "array", "items": _object({"feature": _TEXT, "contribution": _NUMBER})}

SCHEMAS: dict[str, Schema] = {
    "Problem": _object(
        {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
        {"row": {"type": "integer", "minimum": 1}, "feature": _TEXT},
        description="RFC 9457. row counts from 1.",
    ),
    "Error": _object({"error": _TEXT}),
    "ScoreRequest": {
        "oneOf": [
            _object({"rows": _list(_ROW)}, additionalProperties=False),
            _object({"records": _list(_RECORD)}, additionalProperties=False),
        ]
    },
    "ScoreResponse": _object(
        {
            "model": _object({"name": _TEXT, "version": {"type": "integer"}, "digest": _TEXT}),
            "threshold": _NUMBER,
            "scores": _NUMBERS,
            "labels": _LABELS,
            "probabilities": _NUMBERS,
        },
        {
            "contributions": {"type": "array", "items": _NUMBERS},
            "top_contributions": {"type": "array", "items": _TOP},
        },
    ),
    "ScoredRow": _object(
        {"score": _NUMBER, "label": {"type": "integer", "enum": [0, 1]}, "probability": _NUMBER},
        {"contributions": {"type": "object", "additionalProperties": _NUMBER}, "top_contributions": _TOP},
        description="One line for each row, in the order of the rows.",
    ),
    "InferRequest": _object(
        {"inputs": _list(_TENSOR)},
        {
            "id": _TEXT,
            "parameters": {
                "type": "object",
                "properties": {"binary_data_output": {"type": "boolean"}, "threshold": _NUMBER},
            },
            "outputs": {"type": "array", "items": _object({"name": _TEXT}, {"parameters": {"type": "object"}})},
        },
    ),
    "InferResponse": _object(
        {"model_name": _TEXT, "model_version": _TEXT, "outputs": {"type": "array", "items": _OUTPUT_TENSOR}},
        {"id": _TEXT, "parameters": {"type": "object", "properties": {"threshold": _NUMBER}}},
    ),
    "PredictRequest": _object({"instances": {"oneOf": [_list(_ROW), _list(_RECORD)]}}),
    "PredictResponse": _object({"predictions": _PREDICTIONS}),
    "ExplainResponse": _object({"predictions": _PREDICTIONS, "explanations": _EXPLANATIONS}),
}

SECURITY_SCHEMES: dict[str, Schema] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
KEYED: Schema = {"security": [{"key": []}, {"bearer": []}, {}]}

_STATUSES = {
    400: "The request cannot be read.",
    401: "A valid key or token is needed.",
    403: "The token lacks a scope.",
    404: "No such model.",
    406: "There is no answer of a media type that is accepted.",
    408: "Nothing came for a minute.",
    413: "The body, or the number of rows, is beyond the server's limit.",
    415: "The body is of a media type that is not taken.",
    429: "Too many requests; Retry-After says how long to wait.",
    422: "The rows are not rows of this model; the answer names the row and the feature.",
    503: "No model is loaded yet.",
}


def reference(name: str) -> Schema:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def problems(*statuses: int) -> dict[int | str, Schema]:
    """Failures as problem documents."""
    return {status: _answer(_STATUSES[status], "application/problem+json", "Problem") for status in statuses}


def errors(*statuses: int) -> dict[int | str, Schema]:
    """Failures as the inference protocols have them."""
    return {status: _answer(_STATUSES[status], "application/json", "Error") for status in statuses}


def _answer(description: str, media: str, schema: str) -> Schema:
    return {"description": description, "content": {media: {"schema": reference(schema)}}}


ALL = (400, 401, 403, 404, 413, 415, 422, 429, 503)

_BINARY_HEADER: Schema = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "schema": {"type": "integer", "minimum": 0},
    "description": "The size of the JSON document when binary tensors follow it.",
}


def _query(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


_OPTIONS = [
    _query("model", _TEXT, "The model's name; needed when several are loaded."),
    _query("explain", {"type": "boolean", "default": False}, "Add each feature's contribution to the score."),
    _query(
        "top_contributions",
        {"type": "integer", "minimum": 1, "maximum": 999999},
        "Add the contributions of only so many features, those that add most to the score first.",
    ),
    _query(
        "normalize", {"type": "string", "enum": ["linear", "unify"]}, "PyOD's kind of probability. Default: linear."
    ),
    _query("threshold", _NUMBER, "Label by this threshold instead of the model's own."),
]
_CODING: Schema = {
    "name": "Content-Encoding",
    "in": "header",
    "schema": {"type": "string", "enum": ["gzip", "zstd"]},
    "description": "How the body is compressed. What it becomes is bounded as a plain body is.",
}
_BINARY: Schema = {"schema": {"type": "string", "format": "binary"}}
_NDJSON_ROWS: Schema = {
    "application/x-ndjson": {"schema": {"oneOf": [_ROW, _RECORD], "description": "One row a line."}}
}


def scoring(request: str, response: str, failures: dict[int | str, Schema]) -> Schema:
    """The operation of a scoring route: its body, its answer and its failures."""
    content: Schema = {"application/json": {"schema": reference(request)}}
    return {
        **KEYED,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": _answer("One result for each row, in the order of the rows.", "application/json", response),
            **{str(status): answer for status, answer in failures.items()},
        },
    }


def score_operation() -> Schema:
    """`POST /v1/score`."""
    operation = scoring("ScoreRequest", "ScoreResponse", problems(*ALL, 406))
    operation["requestBody"]["content"] |= _NDJSON_ROWS | {
        "text/csv": {"schema": _TEXT},
        "application/vnd.apache.arrow.stream": _BINARY,
        "application/vnd.apache.parquet": _BINARY,
    }
    operation["responses"]["200"]["content"] |= {
        "application/x-ndjson": {"schema": reference("ScoredRow")},
        "text/csv": {"schema": _TEXT},
        "application/vnd.apache.arrow.stream": _BINARY,
    }
    operation["parameters"] = [*_OPTIONS, _CODING]
    return operation


def stream_operation() -> Schema:
    """`POST /v1/stream`."""
    lines = {"oneOf": [reference("ScoredRow"), reference("Problem")]}
    return {
        **KEYED,
        "parameters": _OPTIONS,
        "requestBody": {"required": True, "content": _NDJSON_ROWS},
        "responses": {
            "200": {
                "description": "A line for each row, while the rows arrive: its score, or the problem with it.",
                "content": {"application/x-ndjson": {"schema": lines}},
            },
            **{str(status): answer for status, answer in problems(*ALL, 408).items()},
        },
    }


def infer_operation() -> Schema:
    """The Open Inference Protocol's inference."""
    operation = scoring("InferRequest", "InferResponse", errors(*ALL))
    operation["requestBody"]["content"]["application/octet-stream"] = _BINARY
    operation["responses"]["200"]["content"]["application/octet-stream"] = _BINARY
    operation["parameters"] = [_BINARY_HEADER]
    return operation


def predict_operation() -> Schema:
    """KServe's v1 prediction."""
    return scoring("PredictRequest", "PredictResponse", errors(*ALL))


def explain_operation() -> Schema:
    """KServe's v1 explanation."""
    return scoring("PredictRequest", "ExplainResponse", errors(*ALL))
