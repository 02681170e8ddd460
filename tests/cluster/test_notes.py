"""What the chart tells after an installation, done to the letter."""

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.commands import run
from tests.cluster.installation import RELEASE, ROOT, Helm
from tests.cluster.polling import until

SECONDS = 120


@pytest.fixture
def shell(cluster: Cluster, namespace: str, tmp_path: Path) -> Mapping[str, str]:
    """The environment of a user whose kubectl points to a namespace of their own."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_bytes(cluster.kubeconfig.read_bytes())
    run(
        cluster.kubectl.program,
        f"--kubeconfig={kubeconfig}",
        "config",
        "set-context",
        "--current",
        f"--namespace={namespace}",
    )
    path = f"{cluster.kubectl.program.parent}:{os.environ['PATH']}"
    return {**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path}


def test_the_notes_lead_from_the_installation_to_a_key_and_deleting_leaves_nothing(
    cluster: Cluster, release: Helm, namespace: str, shell: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    said: dict[str, str] = {}
    took: dict[str, float] = {}
    for line in commands(release("get", "notes", RELEASE)):
        begun = time.monotonic()
        said[line] = run("bash", "-euo", "pipefail", "-c", line, folder=ROOT, environment=shell)
        took[line] = time.monotonic() - begun

    to_ready = sum(seconds for line, seconds in took.items() if line.startswith(("kubectl apply", "kubectl wait")))
    with capsys.disabled():
        print(f"\nApplied to Ready, 49,097 rows: {to_ready:.1f} s (goal 20 s)")  # noqa: T201 - a figure to watch
    *_, table, key = said.values()
    assert re.search(r"^shuttle +IForest +1 +True", table, re.MULTILINE)
    assert len(key) == 43
    cluster.kubectl("delete", "anomalydetector", "shuttle", f"--namespace={namespace}", "--wait")
    expected = {"ConfigMap/shuttle", "ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
    until(lambda: left(cluster, namespace) == expected, within=SECONDS, what="nothing left")


def commands(notes: str) -> list[str]:
    """The indented lines."""
    found = re.findall(r"^ {2}(\S.*)$", notes, re.MULTILINE)
    assert len(found) == 8, json.dumps(notes)
    return found


def left(cluster: Cluster, namespace: str) -> set[str]:
    kinds = "deployments,jobs,services,secrets,serviceaccounts,configmaps,pods"
    items = cluster.kubectl.read(kinds, f"--namespace={namespace}")["items"]
    return {f"{item['kind']}/{item['metadata']['name']}" for item in items}
