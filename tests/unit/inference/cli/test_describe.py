"""`pynomaly inspect`, `detectors`, `schema`, `--help` and completion tell what is there."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

Run = Callable[..., Any]
ROOT = Path(__file__).parents[4]
SAMPLES = ROOT / "manifests/samples"
COMMANDS = ("train", "run", "serve", "score", "inspect", "detectors", "schema", "crd")


def test_inspect_prints_the_card(pynomaly: Run) -> None:
    assert pynomaly("train", "detector.yaml", "-o", "model.onnx").returncode == 0
    lines = pynomaly("inspect", "model.onnx").stdout.splitlines()
    assert "Model: pumps" in lines
    assert "Features: flow (Number), heat (Number)" in lines
    assert "Carries rows: no training rows" in lines
    assert "Golden rows: agree on this machine" in lines
    card = json.loads(pynomaly("inspect", "model.onnx", "--format", "json").stdout)
    assert card["algorithm"] == {"name": "HBOS", "parameters": {}}
    assert len(card["golden"]["scores"]) == 32


def test_inspect_says_when_training_rows_are_inside(pynomaly: Run, change: Callable[[str, str], None]) -> None:
    change("HBOS", "KNN")
    assert pynomaly("train", "detector.yaml", "-o", "model.onnx").returncode == 0
    assert "Carries rows: training rows are inside this file" in pynomaly("inspect", "model.onnx").stdout


def test_inspect_refuses_what_is_no_model(pynomaly: Run) -> None:
    done = pynomaly("inspect", "pumps.csv")
    assert done.returncode == 18
    assert done.stderr.startswith("ModelLoadFailed: `pumps.csv`: not a model file of `pynomaly train`")


def test_detectors_keep_their_contract(pynomaly: Run) -> None:
    known = json.loads(pynomaly("detectors", "--format", "json").stdout)
    names = [detector["name"] for detector in known]
    assert names == sorted(names)
    assert all(set(detector) == {"name", "semantics", "explains", "extra", "reason"} for detector in known)
    by_name = {detector["name"]: detector for detector in known}
    assert by_name["ECOD"]["semantics"] == "row"
    assert (by_name["XGBOD"]["extra"], by_name["KNN"]["extra"]) == ("xgboost", None)
    assert by_name["COF"]["semantics"] == "refused"
    assert by_name["COF"]["reason"].startswith("it keeps nothing of the training rows")


def test_detectors_prints_the_extra_and_the_reasons(pynomaly: Run) -> None:
    printed = pynomaly("detectors").stdout
    assert "pip install 'pynomaly-operator[EXTRA]'" in printed
    assert re.search(r"XGBOD\W+as its bases\W+no\W+xgboost", printed)
    assert re.search(r"COF\W+it keeps nothing", printed)


def test_the_schema_accepts_the_samples_and_names_unknown_parameters(pynomaly: Run) -> None:
    schema = json.loads(pynomaly("schema").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for sample in SAMPLES.glob("*.yaml"):
        validator.validate(yaml.safe_load(sample.read_text()))
    mistaken = yaml.safe_load((SAMPLES / "shuttle.yaml").read_text())
    mistaken["spec"]["algorithm"]["parameters"] = {"estimators": 3}
    assert not validator.is_valid(mistaken)


def test_crd_prints_the_definition_that_is_kept_in_the_repository_and_the_chart(pynomaly: Run) -> None:
    printed = pynomaly("crd").stdout
    for folder in ("crds", "charts/pynomaly-operator/files"):
        assert (ROOT / folder / "pynomaly.io_anomalydetectors.yaml").read_text() == printed, folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_reads_well(pynomaly: Run, command: str) -> None:
    assert command in pynomaly("--help").stdout
    done = pynomaly(command, "--help")
    assert done.returncode == 0
    assert f"Usage: pynomaly {command}" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion_for_the_shell(pynomaly: Run, shell: str) -> None:
    done = pynomaly("--show-completion", shell)
    assert done.returncode == 0
    assert "pynomaly" in done.stdout


def test_a_command_that_is_none_is_a_usage_error(pynomaly: Run) -> None:
    done = pynomaly("trian")
    assert done.returncode == 2
    assert "train" in done.stderr
