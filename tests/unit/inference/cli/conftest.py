from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pynomaly_inference.cli.main import execute

RESOURCE = """
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {name: pumps}
spec:
  algorithm: {name: HBOS}
  contamination: 0.05
  training: {source: {uri: pumps.csv, label: is_anomaly}}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: `detector.yaml` and its `pumps.csv`, 300 rows of which every twentieth is far away."""
    (tmp_path / "detector.yaml").write_text(RESOURCE)
    numbers = np.random.default_rng(0).normal(size=(300, 2))
    numbers[::20] += 9
    rows = [f"{flow},{heat},{int(index % 20 == 0)}" for index, (flow, heat) in enumerate(numbers)]
    (tmp_path / "pumps.csv").write_text("\n".join(["flow,heat,is_anomaly", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pynomaly(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:  # noqa: ARG001 - runs in the folder
    """Runs a command line in the folder."""

    def run(*arguments: str) -> Done:
        code = execute(arguments)
        written = capsys.readouterr()
        return Done(code, written.out, written.err)

    return run


@pytest.fixture
def change(folder: Path) -> Callable[[str, str], None]:
    """Changes a text in `detector.yaml`."""

    def replace(old: str, new: str) -> None:
        path = folder / "detector.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return replace
