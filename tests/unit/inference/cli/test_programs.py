from pathlib import Path

import pytest

from pynomaly_inference.cli.main import execute

SECRET = "postgresql://registry:hidden@db/models"  # noqa: S105 - the tests look for it where it must not be


@pytest.fixture(autouse=True)
def _outside_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("PYNOMALY_REGISTRY_DATABASE", raising=False)


def test_the_registry_takes_no_password_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["registry", "--operator", "pynomaly:operator", "--database", SECRET]) == 10
    shown = capsys.readouterr()
    assert "--database-file" in shown.err
    assert "hidden" not in shown.out + shown.err


def test_the_registry_says_where_a_database_may_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["registry", "--operator", "pynomaly:operator"]) == 10
    assert "PYNOMALY_REGISTRY_DATABASE" in capsys.readouterr().err


def test_the_registry_takes_the_url_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["registry", "--operator", "pynomaly:operator"]
    (tmp_path / "url").write_text(SECRET)
    # With its database told it gets as far as looking for the cluster.
    assert execute([*command, "--database-file", str(tmp_path / "url")]) == 70
    monkeypatch.setenv("PYNOMALY_REGISTRY_DATABASE", SECRET)
    assert execute(command) == 70
    shown = capsys.readouterr()
    assert shown.err.count("run it in a cluster") == 2
    assert "hidden" not in shown.out + shown.err


def test_help_does_not_show_the_environments_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYNOMALY_REGISTRY_DATABASE", SECRET)
    assert execute(["registry", "--help"]) == 0
    assert "hidden" not in capsys.readouterr().out
