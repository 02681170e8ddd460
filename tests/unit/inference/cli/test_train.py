"""`pynomaly train` writes a proven model, or nothing, and says why by its exit code."""

import hashlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pynomaly_inference.scoring.model import Model

PYNOMALY = Path(sys.executable).with_name("pynomaly")
SECONDS = 120

Run = Callable[..., Any]
Change = Callable[[str, str], None]


def train(pynomaly: Run, *more: str) -> Any:
    return pynomaly("train", "detector.yaml", "--output", "model.onnx", *more)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"detector.yaml", "pumps.csv"}


def test_the_file_is_the_model_that_was_evaluated(pynomaly: Run, folder: Path) -> None:
    done = train(pynomaly, "--format", "json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    content = (folder / "model.onnx").read_bytes()
    assert outcome["outcome"] == "Succeeded"
    assert outcome["digest"] == hashlib.sha256(content).hexdigest()
    evaluation = Model.parse(content).metadata.evaluation
    assert outcome["metrics"] == evaluation.model_dump(mode="json", by_alias=True)
    assert (evaluation.rows, evaluation.held_out, evaluation.anomalies) == (90, True, 4)


def test_two_runs_give_the_same_digest(pynomaly: Run, folder: Path) -> None:
    digests = []
    for _ in range(2):
        assert train(pynomaly).returncode == 0
        digests.append(hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines(pynomaly: Run) -> None:
    done = train(pynomaly)
    assert done.stderr.splitlines() == [
        f"{stage} ..." for stage in ("Reading", "Fitting", "Converting", "Proving", "Evaluating")
    ]
    assert "Algorithm: HBOS()" in done.stdout.splitlines()
    assert "\x1b" not in done.stdout + done.stderr


def test_on_a_terminal_there_is_a_bar_for_each_stage_and_a_table(folder: Path) -> None:
    output = on_terminal([str(PYNOMALY), "train", "detector.yaml", "-o", "model.onnx"], folder)
    for stage in ("Reading", "Fitting", "Converting", "Proving", "Evaluating"):
        assert stage in output
    assert "━━━" in output
    assert "│ Algorithm" in output


@pytest.mark.parametrize(
    ("old", "new", "code", "reason", "words"),
    [
        ("HBOS", "HBAS", 10, "ResourceInvalid", "unknown algorithm `HBAS`: did you mean `HBOS`"),
        ("pumps.csv", "pump.csv", 11, "SourceUnreachable", "pump.csv"),
        ("label: is_anomaly", "label: anomaly", 12, "DataRejected", "anomaly"),
        (
            "{name: HBOS}",
            "{name: PCA, parameters: {n_components: 5}}",
            13,
            "FitFailed",
            "PCA cannot be fitted on 210 rows",
        ),
        ("training: {", "training: {gates: {maxAnomalyRate: 0}, ", 16, "GateFailed", "the anomaly rate is"),
    ],
)
def test_a_failure_has_its_own_exit_code_and_writes_nothing(
    pynomaly: Run, change: Change, folder: Path, old: str, new: str, code: int, reason: str, words: str
) -> None:
    change(old, new)
    done = train(pynomaly, "--format", "json")
    assert done.returncode == code
    assert done.stderr.splitlines()[-1].startswith(f"{reason}: ")
    outcome = json.loads(done.stdout)
    assert outcome["outcome"] == reason
    assert words in outcome["message"]
    assert left(folder) == set()


def test_a_failure_leaves_the_model_that_was_there(pynomaly: Run, change: Change, folder: Path) -> None:
    assert train(pynomaly).returncode == 0
    before = (folder / "model.onnx").read_bytes()
    change("training: {", "training: {gates: {maxAnomalyRate: 0}, ")
    assert train(pynomaly).returncode == 16
    assert (folder / "model.onnx").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_leaves_no_half_written_file(folder: Path, change: Change, number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        change("pumps.csv", f"http://127.0.0.1:{never_answers.getsockname()[1]}/pumps.csv")
        command: list[str | Path] = [PYNOMALY, "train", "detector.yaml", "--output", "model.onnx"]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE) as process:
            connection, _ = never_answers.accept()
            assert any(name.startswith(".model.onnx") for name in left(folder))
            process.send_signal(number)
            assert process.wait(SECONDS) == 128 + number
            connection.close()
    assert left(folder) == set()


def test_data_replaces_the_source(pynomaly: Run, change: Change) -> None:
    change("pumps.csv", "pvc://telemetry/pumps.csv")
    assert train(pynomaly, "--data", "pumps.csv").returncode == 0


def test_a_mount_stands_for_a_claim(pynomaly: Run, change: Change) -> None:
    change("pumps.csv", "pvc://telemetry/pumps.csv")
    assert train(pynomaly, "--mount", "pvc://telemetry=.").returncode == 0
    refused = train(pynomaly)
    assert refused.returncode == 10
    assert "--mount pvc://telemetry=" in refused.stderr


@pytest.mark.parametrize("mount", ["telemetry=.", "pvc://telemetry", "s3://bucket=.", "pvc://telemetry=nowhere"])
def test_a_mount_that_is_none_is_a_usage_error(pynomaly: Run, mount: str) -> None:
    done = train(pynomaly, "--mount", mount)
    assert done.returncode == 2
    assert "--mount" in done.stderr
    assert "Reading" not in done.stderr


def test_an_output_that_cannot_be_written_is_told_before_the_work(pynomaly: Run) -> None:
    done = pynomaly("train", "detector.yaml", "--output", "nowhere/model.onnx")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Reading" not in done.stderr


def on_terminal(command: list[str], folder: Path) -> str:
    """What the command writes to a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdout=follower, stderr=follower, stdin=follower) as process:
        os.close(follower)
        written = bytearray()
        while chunk := _read(leader):
            written += chunk
        assert process.wait(SECONDS) == 0, written.decode()
    os.close(leader)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other side has closed
        return b""


def test_what_only_a_cluster_uses_is_checked_and_listed(pynomaly: Run, change: Change) -> None:
    change("  training:", "  suspend: false\n  serving: {replicas: {min: 3}}\n  training:")
    done = train(pynomaly)
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == "Not used outside a cluster: spec.serving.replicas, spec.suspend"
    change("min: 3", "min: 0")
    assert "spec.serving.replicas.min: Input should be greater than or equal to 1" in train(pynomaly).stderr


def test_an_integer_with_a_fraction_is_no_integer(pynomaly: Run, change: Change) -> None:
    change("{name: HBOS}", "{name: IForest, parameters: {n_estimators: 20.0}}")
    done = train(pynomaly)
    assert done.returncode == 10
    assert "parameter `n_estimators` of `IForest`: 20.0 is not of type 'integer'" in done.stderr


def test_a_label_of_one_class_is_told(pynomaly: Run, folder: Path) -> None:
    rows = (folder / "pumps.csv").read_text().replace(",1\n", ",0\n")
    (folder / "pumps.csv").write_text(rows)
    done = train(pynomaly)
    assert done.returncode == 0
    assert "the evaluated rows hold one class only" in done.stderr
