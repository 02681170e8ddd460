"""The generated files say what the declarations say."""

import json
import warnings
from typing import Any

import jsonschema
import numpy as np
import pytest
from pyod.models.feature_bagging import FeatureBagging
from pyod.models.suod import SUOD
from pyod.models.xgbod import XGBOD

from pynomaly_inference.bundle import RELATIVE_TOLERANCE
from pynomaly_inference.convert import declaration_of, declarations
from pynomaly_inference.convert.capabilities import (
    CAPABILITIES,
    DOCUMENT,
    capabilities_json,
    detectors_document,
    shown_by,
)


def test_capabilities_json_is_generated_from_the_declarations() -> None:
    """If not: `make generate`."""
    assert CAPABILITIES.read_text("utf-8") == capabilities_json(declarations())


def test_the_detectors_document_is_generated_from_the_declarations() -> None:
    """If not: `make generate`."""
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
            "told_columns",
            "draws",
            "narrows",
            "same_length",
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


def test_a_composite_is_as_its_bases() -> None:
    entries = {entry["name"]: entry for entry in json.loads(CAPABILITIES.read_text("utf-8"))}
    document = DOCUMENT.read_text("utf-8")
    for declaration in declarations():
        if declaration.composite is not None:
            assert entries[declaration.name]["semantics"] == "as its bases"
            assert (
                f"| [{declaration.name}](#{declaration.name.lower()}) | as its bases | no | as its bases |" in document
            )


@pytest.mark.parametrize(
    "detector",
    [SUOD(bps_flag=False), FeatureBagging(), XGBOD(verbosity=0, n_estimators=2)],
    ids=lambda one: type(one).__name__,
)
def test_the_document_says_what_pyods_default_bases_make_of_a_composite(detector: Any) -> None:
    X = np.random.default_rng(0).standard_normal((60, 4))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y should not be presented")  # PyOD warns of what XGBOD demands
        warnings.filterwarnings("ignore", "UNK does not have a predefined code")  # suod's of its own default, COPOD
        detector.fit(X, (np.arange(60) % 10 == 0).astype(int))
    named, fitted = declaration_of(type(detector).__name__), declaration_of(detector)
    assert named.composite is not None
    bases = detector.base_estimators if isinstance(detector, SUOD) else named.composite.bases(detector)
    assert {type(base).__name__ for base in bases} == {*named.composite.default, *named.composite.replaced}
    keeps = "training rows" if fitted.keeps_training_rows else "no training rows"
    said = f"it is {fitted.semantics} and the model file contains {keeps}."
    section = DOCUMENT.read_text("utf-8").split(f"\n## {named.name}\n")[1].split("\n## ")[0]
    assert said in section


def test_every_exception_has_its_words_and_a_test_in_the_document() -> None:
    document = DOCUMENT.read_text("utf-8")
    inexact = [one for one in declarations() if one.reference or one.rounding or one.tolerance != RELATIVE_TOLERANCE]
    assert {"MCD", "OCSVM", "KPCA", "XGBOD", "KNN", "VAE"} < {one.name for one in inexact}
    for one in inexact:
        section = document.split(f"\n## {one.name}\n")[1].split("\n## ")[0]
        assert one.reference is None or one.reference.words in section
        assert one.rounding is None or one.rounding.words in section
        assert f"`{shown_by(one)}`" in section
        assert (DOCUMENT.parents[1] / shown_by(one)).is_file()
    assert "Equal to 1e-06 instead of 1e-09" in document.split("\n## XGBOD\n")[1]
