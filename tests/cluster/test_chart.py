"""The chart is what helm takes for a good one, and refuses what cannot be."""

import pytest
import yaml
from tests.cluster import tools
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.installation import CHART


def helm(*arguments: str) -> str:
    return run(tools.built(tools.CONTROL_PLANE) / "helm", *arguments)


def rendered(*values: str) -> list[str]:
    """`Kind/name` of every object."""
    text = helm("template", "pynomaly", str(CHART), "--namespace=system", *(f"--set={value}" for value in values))
    return [f"{item['kind']}/{item['metadata']['name']}" for item in yaml.safe_load_all(text) if item]


def test_helm_finds_nothing_to_complain_about() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize(
    "value",
    ["registry.replicas=2", "registry.database.kind=oracle", "operator.worker=3", "images.pullPolicy=Sometimes"],
)
def test_values_that_cannot_be_are_refused(value: str) -> None:
    with pytest.raises(ClusterError, match="values don't meet the specifications of the schema"):
        rendered(value)


def test_the_definition_comes_with_the_chart_unless_it_is_not_wanted() -> None:
    definition = "CustomResourceDefinition/anomalydetectors.pynomaly.io"
    assert definition in rendered()
    assert definition not in rendered("crds.enabled=false")


def test_the_definition_is_kept_when_the_release_goes_unless_it_is_not_wanted() -> None:
    def kept(*values: str) -> bool:
        options = ("--show-only=templates/crd.yaml", *(f"--set={value}" for value in values))
        (definition,) = yaml.safe_load_all(helm("template", "pynomaly", str(CHART), *options))
        return bool(definition["metadata"]["annotations"].get("helm.sh/resource-policy") == "keep")

    assert kept()
    assert not kept("crds.keep=false")


def test_the_registry_has_a_claim_of_its_own_unless_one_is_given() -> None:
    claim = "PersistentVolumeClaim/pynomaly-operator-registry"
    assert claim in rendered()
    assert claim not in rendered("registry.storage.existingClaim=models")


def test_users_roles_are_aggregated_unless_they_are_not_wanted() -> None:
    assert "ClusterRole/pynomaly-operator-edit" in rendered()
    assert "ClusterRole/pynomaly-operator-edit" not in rendered("rbac.aggregate=false")
