"""`pynomaly score` writes a score a row, into a file or to standard output."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PYNOMALY = Path(sys.executable).with_name("pynomaly")
SECONDS = 120

Run = Callable[..., Any]


@pytest.fixture
def model(pynomaly: Run) -> str:
    assert pynomaly("train", "detector.yaml", "-o", "model.onnx").returncode == 0
    return "model.onnx"


def test_a_file_gets_a_score_a_row(pynomaly: Run, folder: Path, model: str) -> None:
    done = pynomaly("score", model, "pumps.csv", "-o", "scores.csv", "--keep")
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["Scoring ...", "300 rows scored into scores.csv"]
    lines = (folder / "scores.csv").read_text().splitlines()
    assert lines[0] == "flow,heat,is_anomaly,score,label,probability"
    assert len(lines) == 301
    assert [line.split(",")[4] for line in lines[1:3]] == ["1", "0"]


def test_standard_output_gets_csv(folder: Path, model: str) -> None:
    written = subprocess.check_output([PYNOMALY, "score", model, "pumps.csv", "-o", "-"], cwd=folder, timeout=SECONDS)
    lines = written.decode().splitlines()
    assert lines[0] == "score,label,probability"
    assert len(lines) == 301


def test_a_model_that_lacks_a_column_names_it(pynomaly: Run, folder: Path, model: str) -> None:
    (folder / "other.csv").write_text("flow\n1.5\n")
    done = pynomaly("score", model, "other.csv", "-o", "scores.csv")
    assert done.returncode == 12
    assert "`heat`" in done.stderr
    assert not (folder / "scores.csv").exists()
