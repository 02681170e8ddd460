"""The README's way to Kubernetes without Docker, line by line: from no cluster to a scored row, and back to none."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text("utf-8").split("## On Kubernetes")[1].split("\n## ")[0]
KIND, NODE, PRODUCT = re.findall(r"^```shell\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
SECONDS = 1800  # the first time, tools and images are made


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """A shell's, of somebody who has no cluster yet; the node is down before and after."""
    status = subprocess.run([sys.executable, "-m", "tests.cluster", "status"], cwd=ROOT, check=False)
    assert status.returncode, "a node is up, on which something may be installed: `make cluster-down` first"
    yield {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    assert "`make cluster-down`" in SECTION
    subprocess.run(["make", "cluster-down"], cwd=ROOT, check=True, timeout=SECONDS)


def test_every_line_works_and_the_last_one_scores(environment: dict[str, str], tmp_path: Path) -> None:
    said = _run(NODE + PRODUCT, environment, tmp_path / "output")
    answer = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert answer["model"]["name"] == "shuttle"
    assert answer["model"]["version"] == 1
    assert answer["labels"] == [1]


def test_the_way_with_docker_differs_in_the_cluster_alone() -> None:
    starts = [line.split()[:2] for line in KIND.splitlines()]
    assert starts == [["kind", "create"], ["make", "images"], ["kind", "load"]]
    assert [line.split()[-1] for line in NODE.splitlines()] == ['cluster-up)"', "cluster-images"]


def _run(lines: str, environment: dict[str, str], output: Path) -> str:
    """What a shell writes that takes the lines as if they were typed, and stops at the first that fails."""
    with output.open("w") as file:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=ROOT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(SECONDS)
        finally:
            os.killpg(shell.pid, signal.SIGTERM)  # the forwarding goes on in the background
    assert code == 0, output.read_text()
    return output.read_text()
