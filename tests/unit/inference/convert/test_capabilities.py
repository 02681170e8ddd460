"""The generated files say what the declarations say."""

import json

import jsonschema
import pytest

from pynomaly_inference.convert import declarations
from pynomaly_inference.convert.capabilities import CAPABILITIES, DOCUMENT, capabilities_json, detectors_document


def test_capabilities_json_is_generated_from_the_declarations() -> None:
    """If not: `make capabilities`."""
    assert CAPABILITIES.read_text("utf-8") == capabilities_json(declarations())


def test_the_detectors_document_is_generated_from_the_declarations() -> None:
    """If not: `make capabilities`."""
    assert DOCUMENT.read_text("utf-8") == detectors_document(declarations())


def test_every_entry_has_the_published_keys_and_a_valid_schema() -> None:
    for entry in json.loads(CAPABILITIES.read_text("utf-8")):
        assert list(entry) == [
            "name",
            "semantics",
            "explains",
            "extra",
            "reason",
            "parameters",
            "reads_label",
            "only_columns",
        ]
        jsonschema.Draft202012Validator.check_schema(entry["parameters"])
        assert "contamination" not in entry["parameters"]["properties"]
        assert all("description" in schema for schema in entry["parameters"]["properties"].values())


@pytest.mark.parametrize(
    ("detector", "parameters", "valid"),
    [
        ("Ensemble", {"bases": [{"name": "KNN"}, {"name": "HBOS", "parameters": {}}]}, True),
        ("Ensemble", {"bases": []}, False),
        ("Ensemble", {"bases": ["KNN"]}, False),
        ("Ensemble", {}, False),
        ("FeatureBagging", {"base_estimator": {"name": "KNN"}}, True),
        ("FeatureBagging", {"base_estimator": {"parameters": {}}}, False),
        ("SUOD", {"base_estimators": [{"name": "KNN"}]}, False),
        ("XGBOD", {"standardization_flag_list": [True, 0]}, False),
        ("KNN", {"n_neighbors": 3, "method": "mean", "p": 1}, True),
        ("KNN", {"n_neighbors": 0}, False),
        ("KNN", {"metric": "precomputed"}, False),
        ("IForest", {"max_samples": "auto", "max_features": 0.5}, True),
        ("IForest", {"max_samples": 1.5}, False),
        ("HBOS", {"n_bins": "auto"}, True),
        ("HBOS", {"n_bins": 3}, True),
        ("HBOS", {"n_bins": 2}, False),
        ("PCA", {"n_components": 0.9, "random_state": 1}, True),
        ("PCA", {"contamination": 0.1}, False),
        ("ECOD", {}, True),
        ("ECOD", {"n_jobs": 2}, False),
    ],
)
def test_the_schema_accepts_what_pyod_takes_and_the_graph_has(
    detector: str, parameters: dict[str, object], valid: bool
) -> None:
    schemas = {entry["name"]: entry["parameters"] for entry in json.loads(CAPABILITIES.read_text("utf-8"))}
    assert jsonschema.Draft202012Validator(schemas[detector]).is_valid(parameters) is valid


def test_the_document_defines_every_contribution() -> None:
    document = DOCUMENT.read_text("utf-8")
    for declaration in declarations():
        assert (declaration.contributions or "Contributions: none.") in document
