"""What the README tells users of kind, as far as kind judges it without Docker."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from tests.cluster import tools
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.installation import PROGRAMS, ROOT, image

CONFIGURATION = ROOT / "kind-config.yaml"
COMMANDS = re.findall(r"\bkind (?:create|load|delete) [^\n`]+", (ROOT / "README.md").read_text("utf-8"))


def kind(*arguments: str | Path) -> str:
    # Without a PATH there is no Docker, whatever this machine has.
    return run(tools.built(tools.KIND) / "kind", *arguments, environment={"KIND_EXPERIMENTAL_PROVIDER": "docker"})


def test_kind_takes_the_configuration_and_then_wants_docker() -> None:
    with pytest.raises(ClusterError, match="failed to get docker info"):
        kind("create", "cluster", "--config", CONFIGURATION)


def test_a_configuration_that_kind_does_not_know_never_gets_so_far(tmp_path: Path) -> None:
    wrong = tmp_path / "kind.yaml"
    wrong.write_text(CONFIGURATION.read_text().replace("role: worker", "rule: worker"))
    with pytest.raises(ClusterError, match="field rule not found"):
        kind("create", "cluster", "--config", wrong)


@pytest.mark.parametrize("command", COMMANDS)
def test_kind_knows_the_options_of_the_readmes_commands(command: str) -> None:
    assert "Usage:" in kind(*shlex.split(command)[1:], "--help")


def test_the_readme_creates_loads_and_deletes() -> None:
    assert [command.split()[:2] for command in COMMANDS] == [["kind", "create"], ["kind", "load"], ["kind", "delete"]]


def test_what_is_loaded_are_the_charts_images_into_the_cluster_of_the_configuration() -> None:
    name = yaml.safe_load(CONFIGURATION.read_text())["name"]
    command = next(command for command in COMMANDS if "load" in command)
    expanded = run("bash", "-c", f"echo {command}").split()
    assert expanded[3:] == ["--name", name, *map(image, PROGRAMS)]
