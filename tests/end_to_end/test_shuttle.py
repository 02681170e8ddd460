"""The README's promise: every row of the sample scores over HTTP as a PyOD model scores it that this test fits itself.

Nothing of the project is imported: the command is started, HTTP is spoken.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pyod.models.iforest import IForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).parents[2]
PYNOMALY = Path(sys.executable).with_name("pynomaly")
ROWS = 49_097
START_SECONDS = 120


@dataclass(frozen=True)
class Truth:
    """What PyOD says, fitted on the design's split of the sample."""

    X: NDArray[np.float64]
    label: NDArray[np.int64]
    held_out: NDArray[np.intp]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    tolerance: NDArray[np.float64]


@pytest.fixture(scope="module")
def truth() -> Truth:
    table = pq.read_table(ROOT / "manifests/samples/data/shuttle.parquet")
    label = table["is_anomaly"].to_numpy().astype(np.int64)
    features = [name for name in table.column_names if name != "is_anomaly"]
    X = np.column_stack([table[name].to_numpy() for name in features]).astype(np.float64)
    train, held_out = train_test_split(np.arange(len(X)), test_size=0.3, random_state=0, stratify=label)
    detector = IForest(contamination=0.07, random_state=0).fit(X[train])
    scores = detector.decision_function(X)
    scale = np.median(np.abs(detector.decision_scores_))
    return Truth(X, label, held_out, scores, detector.predict(X), 1e-9 * np.maximum(np.abs(scores), scale))


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The address of `pynomaly run` on the sample."""
    command: list[str | Path] = [PYNOMALY, "run", "manifests/samples/shuttle.yaml", "--port", "0"]
    mount = ["--mount", "configmap://shuttle=manifests/samples/data"]
    with subprocess.Popen([*command, *mount], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _address(process)
        finally:
            process.send_signal(signal.SIGTERM)
            remaining, _ = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0, remaining


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(r"http://127\.0\.0\.1:\d+", line):
            return match[0]
    raise AssertionError(f"pynomaly run ended with {process.wait()} and named no address")


@pytest.fixture(scope="module")
def client(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, timeout=START_SECONDS) as client:
        yield client


@pytest.fixture(scope="module")
def over_json(client: httpx.Client, truth: Truth) -> dict[str, object]:
    response = client.post("/v1/score", json={"rows": truth.X.tolist()})
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def test_every_row_is_there(truth: Truth) -> None:
    assert len(truth.X) == ROWS


def test_every_row_scores_as_pyod_scores_it(over_json: dict[str, object], truth: Truth) -> None:
    difference = np.abs(np.asarray(over_json["scores"]) - truth.scores)
    assert (difference <= truth.tolerance).all()


def test_every_row_is_labelled_as_pyod_labels_it(over_json: dict[str, object], truth: Truth) -> None:
    np.testing.assert_array_equal(over_json["labels"], truth.labels)


def test_every_row_scores_the_same_over_binary_tensors(client: httpx.Client, truth: Truth) -> None:
    scores = _infer_binary(client, truth.X)
    assert (np.abs(scores - truth.scores) <= truth.tolerance).all()


def test_roc_auc_is_pyods_to_six_digits(client: httpx.Client, over_json: dict[str, object], truth: Truth) -> None:
    held_out = truth.held_out
    expected = round(float(roc_auc_score(truth.label[held_out], truth.scores[held_out])), 6)
    scores = np.asarray(over_json["scores"])
    assert round(float(roc_auc_score(truth.label[held_out], scores[held_out])), 6) == expected
    card = client.get("/v1/card", params={"model": "shuttle"}).json()
    assert round(card["evaluation"]["rocAuc"], 6) == expected


def _infer_binary(client: httpx.Client, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores by the Open Inference Protocol's binary tensor extension, written from its specification."""
    tensor = X.astype("<f8").tobytes()
    header = (
        b'{"inputs":[{"name":"X","datatype":"FP64","shape":[%d,%d],"parameters":{"binary_data_size":%d}}],'
        b'"outputs":[{"name":"score","parameters":{"binary_data":true}}]}' % (*X.shape, len(tensor))
    )
    response = client.post(
        "/v2/models/shuttle/infer",
        content=header + tensor,
        headers={
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(header)),
        },
    )
    assert response.status_code == 200, response.text
    length = int(response.headers["Inference-Header-Content-Length"])
    return np.frombuffer(response.content[length:], "<f8")
