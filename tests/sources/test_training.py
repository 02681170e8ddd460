"""What a Job and a laptop do with a source on the network, by the command itself."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.registry.postgres import PASSWORD, Postgres

PYNOMALY = Path(sys.executable).with_name("pynomaly")
WRONG = "wr0ng-passw0rd"

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def detector(database: Postgres, tmp_path: Path) -> Path:
    """The resource file of a detector on the database."""
    source = {"uri": f"postgresql://127.0.0.1:{database.port}/postgres", "query": "SELECT a, b FROM readings"}
    resource = {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "metadata": {"name": "readings"},
        "spec": {"algorithm": {"name": "HBOS"}, "training": {"source": source}},
    }
    (tmp_path / "detector.yaml").write_text(json.dumps(resource))
    return tmp_path / "detector.yaml"


def pynomaly(environment: Mapping[str, str], *arguments: object) -> Done:
    command = [str(PYNOMALY), *map(str, arguments)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


def train(detector: Path, *more: object, password: str = PASSWORD) -> Done:
    login = {"PGUSER": "registry", "PGPASSWORD": password}
    return pynomaly(login, "train", detector, "--output", detector.with_name("model.onnx"), "--format=json", *more)


def publish(detector: Path, *more: object, registry: str, password: str = PASSWORD) -> tuple[Done, str]:
    """What a Job runs; how it ended, and its termination message."""
    token, message = detector.with_name("token"), detector.with_name("message")
    token.write_text("token")
    identity = (
        "--namespace=plant",
        "--uid=00000000-0000-4000-8000-000000000001",
        f"--fingerprint={'0' * 64}",
        f"--token-file={token}",
    )
    login = {"PGUSER": "registry", "PGPASSWORD": password}
    done = pynomaly(
        login, "publish", detector, f"--registry={registry}", *identity, f"--termination-file={message}", *more
    )
    return done, message.read_text()


def test_the_environment_opens_the_database(detector: Path) -> None:
    done = train(detector)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "Succeeded"


def test_a_wrong_password_appears_nowhere(detector: Path) -> None:
    done = train(detector, password=WRONG)
    assert done.returncode == 11
    assert json.loads(done.stdout)["outcome"] == "SourceUnreachable"
    assert "password authentication failed" in done.stderr
    assert WRONG not in done.stdout + done.stderr


def test_a_wrong_password_appears_nowhere_in_a_job(detector: Path, empty_registry: str) -> None:
    done, message = publish(detector, registry=empty_registry, password=WRONG)
    assert done.returncode == 11
    assert json.loads(message)["outcome"] == "SourceUnreachable"
    assert WRONG not in done.stdout + done.stderr + message


def test_a_job_connects_to_its_source_only_where_it_may(
    detector: Path, database: Postgres, empty_registry: str
) -> None:
    done, message = publish(detector, "--allow-to=public", registry=empty_registry)
    assert done.returncode == 19
    told = json.loads(message)
    assert told["outcome"] == "SourceNotAllowed"
    assert "127.0.0.1" in told["message"]
    assert "network.allowTo" in told["message"]
    done = train(detector, "--allow-to=public", f"--allow-to=127.0.0.1/32:{database.port}")
    assert done.returncode == 0, done.stderr


def test_a_place_that_is_none_is_refused(detector: Path) -> None:
    done = train(detector, "--allow-to=everywhere")
    assert done.returncode == 10
    assert "write public, private or CIDR:PORT" in done.stderr
