"""Every command that the README gives for a laptop runs, and shows what the README shows."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import onnxruntime as ort
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SECONDS = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line.removeprefix("$ ").split("  #")[0].rstrip() for line in lines if line.startswith("$ ")]


def command(start: str) -> str:
    return next(line for line in commands() if line.startswith(start))


def until(process: subprocess.Popen[str], word: str) -> str:
    """What the process writes up to a line with the word."""
    assert process.stdout is not None
    written = ""
    for line in process.stdout:
        written += line
        if word in line:
            return written
    raise AssertionError(f"it ended with {process.wait()} and wrote:\n{written}")


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """`make run`, and what it wrote until it served."""
    with subprocess.Popen(["make", "run"], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as make:
        try:
            yield until(make, "Serving shuttle on http://127.0.0.1:8000")
        finally:
            # To the group, as a terminal's Ctrl-C: make passes no signal on.
            os.killpg(make.pid, signal.SIGINT)
            make.communicate(timeout=SECONDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the checkout, with the README's resource in it."""
    for name in (".venv", "manifests"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "pumps.yaml").write_text(blocks("yaml")[0])
    return tmp_path


def test_make_run_writes_what_the_readme_shows(running: str) -> None:
    assert "make run" in commands()
    assert blocks("text")[0] in running


def test_make_test_is_what_ci_runs() -> None:
    assert "make test" in commands()
    assert "make test" in (ROOT / ".ci/run").read_text("utf-8").splitlines()


@pytest.mark.usefixtures("running")
def test_the_request_gets_the_answer_that_the_readme_shows() -> None:
    shown = json.loads(re.split(r"^\$ curl.*$", README, flags=re.MULTILINE)[1].split("```")[0])
    got = json.loads(subprocess.check_output(["bash", "-c", command("curl")], text=True, timeout=SECONDS))
    assert got.keys() == shown.keys()
    assert got["model"] == shown["model"]
    assert got["labels"] == shown["labels"] == [0, 1]
    for numbers in ("scores", "probabilities"):
        assert got[numbers] == pytest.approx(shown[numbers], rel=1e-6)


def test_the_resource_has_five_lines() -> None:
    assert len(blocks("yaml")[0].splitlines()) == 5


def test_the_resource_is_trained_inspected_used_and_served(folder: Path) -> None:
    for name in ("train", "inspect", "score"):
        subprocess.run(["bash", "-c", command(f".venv/bin/pynomaly {name}")], cwd=folder, timeout=SECONDS, check=True)
    assert len((folder / "scores.csv").read_text().splitlines()) == 1 + 49_097
    serve = ["bash", "-c", "exec " + command(".venv/bin/pynomaly serve")]
    with subprocess.Popen(serve, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        until(process, "Serving pumps on http://127.0.0.1:8001")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def test_the_converter_works_on_its_own(tmp_path: Path) -> None:
    subprocess.run([ROOT / ".venv/bin/python", "-c", blocks("python")[0]], cwd=tmp_path, check=True, timeout=SECONDS)
    session = ort.InferenceSession(tmp_path / "knn.onnx")
    assert "score" in {output.name for output in session.get_outputs()}
    assert json.loads(session.get_modelmeta().custom_metadata_map["features"]) == ["pressure", "flow"]


@pytest.mark.parametrize("argument", ["--help", "schema"])
def test_the_commands_within_the_text_run(argument: str) -> None:
    assert f"`.venv/bin/pynomaly {argument}`" in README
    subprocess.run([ROOT / ".venv/bin/pynomaly", argument], check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)


def test_every_command_is_known_to_a_test() -> None:
    tested = (
        "make run",
        "make test",
        "curl",
        *(f".venv/bin/pynomaly {name}" for name in ("train", "inspect", "score", "serve")),
    )
    assert [line for line in commands() if not line.startswith(tested)] == []


def test_every_link_into_the_repository_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
