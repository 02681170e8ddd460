"""A really started server, and the truth that clients are held against. Nothing of the project is imported here."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
PYNOMALY = ROOT / ".venv/bin/pynomaly"
KEY = "a-key-for-the-clients"
HEADERS = {"x-api-key": KEY}
ROWS = 7


@dataclass(frozen=True)
class Served:
    """A server with the models `forest` (four Numbers) and `zones` (two Numbers and a Category), both behind a key."""

    http: str
    """Host and port."""
    grpc: str

    def truth(self, model: str, rows: list[list[Any]]) -> dict[str, Any]:
        """What the server's own protocol says of the rows, over the standard library's HTTP."""
        request = urllib.request.Request(
            f"http://{self.http}/v1/score?model={model}&explain=true",
            json.dumps({"rows": rows}).encode(),
            {"content-type": "application/json", **HEADERS},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the test's own server
            answer: dict[str, Any] = json.load(response)
        return answer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "ignore:.*:DeprecationWarning:kserve")
    config.addinivalue_line("filterwarnings", "ignore:.*:DeprecationWarning:tritonclient")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    models = _trained(_written(folder, "forest", "IForest", zones=False), _written(folder, "zones", "ECOD", zones=True))
    keys = folder / "keys"
    keys.write_text(KEY)
    command: list[str | Path] = [
        PYNOMALY,
        "serve",
        *models,
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--keys",
        keys,
        "--max-body-mib",
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        try:
            assert process.stdout is not None
            line = next((line for line in process.stdout if line.startswith("Serving")), "")
            found = re.search(r"http://(\S+), gRPC on (\S+)", line)
            assert found is not None, line
            yield Served(found[1], found[2])
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    assert process.returncode == 0


def _environment() -> dict[str, str]:
    """Without what the tests' own environment would have the product's Python import."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def _written(folder: Path, name: str, algorithm: str, *, zones: bool) -> Path:
    random = np.random.default_rng(3)
    table = random.normal(size=(240, 2 if zones else 4))
    header = ",".join("abcd"[: table.shape[1]]) + (",zone" if zones else "")
    lines = [",".join(map(repr, row)) + (f",z{index % 3}" if zones else "") for index, row in enumerate(table.tolist())]
    (folder / f"{name}.csv").write_text("\n".join([header, *lines]))
    features = [{"name": column, "type": "Number"} for column in "abcd"[: table.shape[1]]]
    resource = {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "metadata": {"name": name},
        "spec": {
            "algorithm": {"name": algorithm},
            "features": [*features, *([{"name": "zone", "type": "Category"}] if zones else [])],
            "training": {"source": {"uri": f"{name}.csv"}},
        },
    }
    detector = folder / f"{name}.json"
    detector.write_text(json.dumps(resource))
    return detector


def _trained(*detectors: Path) -> list[Path]:
    models = [detector.with_suffix(".onnx") for detector in detectors]
    trainings = []
    for detector, model in zip(detectors, models, strict=True):
        command: list[str | Path] = [PYNOMALY, "train", detector, "-o", model]
        trainings.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment()))
    assert [training.wait(120) for training in trainings] == [0] * len(models)
    return models


@pytest.fixture(scope="session")
def numbers() -> NDArray[np.float64]:
    """Rows for `forest`, near and far."""
    return np.random.default_rng(5).normal(size=(ROWS, 4)) * np.linspace(0.1, 5, ROWS)[:, None]


@pytest.fixture(scope="session")
def mixed() -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Rows for `zones`: Numbers, and a Category of which one level is new to the model."""
    numbers = np.random.default_rng(6).normal(size=(ROWS, 2)) * 2
    return numbers, np.array([["z0"], ["z1"], ["z2"], ["z1"], ["nowhere"], ["z0"], ["überall"]], object)
